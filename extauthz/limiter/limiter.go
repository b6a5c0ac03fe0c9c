package limiter

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// Options are what a Limiter needs. Zero sizes and durations take the
// defaults named beside them.
type Options struct {
	Store  store.QuotaCounters
	Now    func() time.Time
	Logger *slog.Logger

	MaxStates  int           // most rates counted at once; 1000000
	MaxQuotas  int           // most quotas counted at once; 200000
	Refills    int           // most reservations at the store at once; 16
	RefillWait time.Duration // longest a request waits for a reservation; 100 ms
	Timeout    time.Duration // of one call of the store; 2 seconds
}

// Limiter counts rates and quotas.
type Limiter struct {
	options Options
}

// New makes a Limiter of valid options.
func New(o Options) (*Limiter, error) {
	if o.Store == nil {
		return nil, errors.New("limiter options: Store: missing")
	}
	return &Limiter{options: o}, nil
}

// Take charges cost to every limit and quota, or to none of them.
func (l *Limiter) Take(_ context.Context, _ time.Time, _ int64, _ []pipeline.SubjectLimit,
	_ []pipeline.SubjectQuota, out []pipeline.LimitOutcome,
) ([]pipeline.LimitOutcome, bool, error) {
	return out, false, store.ErrUnavailable
}

// Close gives back what was reserved and not spent.
func (l *Limiter) Close(context.Context) error { return nil }

// Stats are counters since the start, and sizes now.
type Stats struct {
	States     int   // rates counted
	Quotas     int   // quotas counted
	Evictions  int64 // rates forgotten before they were idle, for room
	Refills    int64 // reservations made
	RefillErrs int64 // of Refills: failed
}

// Stats answers the counters; package extauthz exports them.
func (l *Limiter) Stats() Stats { return Stats{} }

// AddressLimiter limits all requests of one address.
type AddressLimiter struct {
	limit limit.Limit
}

// NewAddressLimiter makes an AddressLimiter that remembers at most
// maxAddresses addresses; 0 means 100000.
func NewAddressLimiter(rate limit.Limit, maxAddresses int, _ func() time.Time) (*AddressLimiter, error) {
	if maxAddresses < 0 {
		return nil, errors.New("address limiter: most addresses: negative")
	}
	return &AddressLimiter{limit: rate}, nil
}

// Take charges one request of the client.
func (a *AddressLimiter) Take(netip.Addr, time.Time) (time.Duration, bool) {
	return a.limit.Period, false
}

// Failures is the budget of failed credentials of each address.
type Failures struct {
	limit limit.Limit
}

// NewFailures makes a budget that remembers at most maxAddresses addresses;
// 0 means 100000.
func NewFailures(rate limit.Limit, maxAddresses int, _ func() time.Time) (*Failures, error) {
	if maxAddresses < 0 {
		return nil, errors.New("failures: most addresses: negative")
	}
	return &Failures{limit: rate}, nil
}

// Spent reports, without charging, whether the budget is spent.
func (f *Failures) Spent(netip.Addr, time.Time) (time.Duration, bool) { return f.limit.Period, true }

// Record charges one failed credential.
func (f *Failures) Record(netip.Addr, time.Time) {}
