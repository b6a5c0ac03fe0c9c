package limiter

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"credence/store/limit"
)

// defaultAddresses is the most addresses that are remembered.
const defaultAddresses = 100_000

// AddressLimiter limits all requests of one address. It is safe for
// concurrent use and does not allocate for an address it knows.
type AddressLimiter struct{ addresses }

// NewAddressLimiter makes an AddressLimiter that remembers at most
// maxAddresses addresses; 0 means 100000.
func NewAddressLimiter(l limit.Limit, maxAddresses int, now func() time.Time) (*AddressLimiter, error) {
	a, err := newAddresses(l, maxAddresses, now)
	if err != nil {
		return nil, fmt.Errorf("address limiter: %w", err)
	}
	return &AddressLimiter{a}, nil
}

// Take charges one request of the client. When the address has spent its
// limit, ok is false and retryAfter says how long to wait.
func (a *AddressLimiter) Take(client netip.Addr, now time.Time) (retryAfter time.Duration, ok bool) {
	d := a.charge(client, now)
	return d.RetryAfter, d.OK
}

// Failures is the budget of failed credentials of each address. It is safe
// for concurrent use and does not allocate for an address it knows.
type Failures struct{ addresses }

// NewFailures makes a budget that remembers at most maxAddresses addresses;
// 0 means 100000.
func NewFailures(l limit.Limit, maxAddresses int, now func() time.Time) (*Failures, error) {
	a, err := newAddresses(l, maxAddresses, now)
	if err != nil {
		return nil, fmt.Errorf("failures: %w", err)
	}
	return &Failures{a}, nil
}

// Spent reports, without charging, whether the budget of the client is spent,
// and how long until it is not. Checks that run at the same moment can all see
// the last unit, so as many more than the budget can fail.
func (f *Failures) Spent(client netip.Addr, now time.Time) (retryAfter time.Duration, spent bool) {
	r, known := f.table.get(counted(client))
	if !known {
		return 0, false
	}
	d, known := r.look(f.clock.at(now), 1)
	if !known {
		return 0, false
	}
	return d.RetryAfter, !d.OK
}

// Record charges one failed credential of the client.
func (f *Failures) Record(client netip.Addr, now time.Time) { f.charge(client, now) }

// AddressStats describe what is remembered of addresses.
type AddressStats struct {
	Addresses int   // remembered
	Evictions int64 // forgotten before they were idle, for room
}

// addresses counts one limit for each address.
type addresses struct {
	limit part
	clock clock
	table *table[netip.Addr, *rate]
}

func newAddresses(l limit.Limit, most int, now func() time.Time) (addresses, error) {
	if err := l.Validate(); err != nil {
		return addresses{}, err
	}
	if now == nil {
		return addresses{}, errors.New("clock: missing")
	}
	if most < 0 {
		return addresses{}, fmt.Errorf("most addresses: %d is negative; give 1 or more, or 0 for %d", most, defaultAddresses)
	}
	if most == 0 {
		most = defaultAddresses
	}
	return addresses{limit: part{Rate: l.Rate()}, clock: clock{now()}, table: newTable[netip.Addr, *rate](most, 0)}, nil
}

// Stats answers what is remembered; package extauthz exports it.
func (a *addresses) Stats() AddressStats {
	return AddressStats{Addresses: a.table.size(), Evictions: a.table.evictions.Load()}
}

func (a *addresses) charge(client netip.Addr, now time.Time) limit.Decision {
	address, at := counted(client), a.clock.at(now)
	r, known := a.table.get(address)
	for {
		if known {
			if d, _, there := r.charge(at, 1); there {
				return d
			}
		}
		r, _, _ = a.table.insert(address, newRate(&a.limit), at)
		known = true
	}
}

// counted is the address that a client is counted as: of IPv6 the first of
// its /64, which is what one customer gets at least.
func counted(client netip.Addr) netip.Addr {
	client = client.Unmap().WithZone("")
	if !client.Is6() {
		return client
	}
	network, err := client.Prefix(64)
	if err != nil {
		return client // cannot be: every IPv6 address has a /64
	}
	return network.Addr()
}
