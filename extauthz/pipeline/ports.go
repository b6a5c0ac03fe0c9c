package pipeline

import (
	"context"
	"net/netip"
	"time"

	"credence/store/credential"
	"credence/store/route"
)

// Keys finds key records. Package extauthz/cache fulfils it.
type Keys interface {
	// Cached answers the positive cache entry of the digest, nil when there
	// is none. It does no I/O, waits for nobody and does not allocate.
	Cached(digest credential.Digest) *Key
	// Find answers the key, from the cache or the store. A nil key without an
	// error means that no such key exists. An error means that nobody knows.
	Find(ctx context.Context, digest credential.Digest) (*Key, KeySource, error)
}

// Secrets knows the deployment's secrets. A credential.Secrets fulfils it.
type Secrets interface {
	// Minted reports whether the checksum of the key text is right under any
	// valid secret. It takes the same time for every text of one length.
	Minted(text []byte) bool
	// Matches reports in constant time whether the store's hash is that of
	// the digest, with any of the peppers or without one.
	Matches(digest credential.Digest, hash credential.Hash) bool
}

// Blacklist refuses clients. Package extauthz/blacklist fulfils it.
type Blacklist interface {
	// Refused reports whether a rule that has not ended at now refuses the
	// address: the global rules for namespace "", else those of the namespace.
	// The address is unmapped and has no zone. An invalid address (the client
	// has none) is refused as soon as one such rule exists, since nobody can
	// say that it is outside of the refused network.
	Refused(client netip.Addr, namespace string, now time.Time) bool
}

// Routes finds stored route policies. Package extauthz/routes fulfils it. It
// waits for nobody and does not allocate.
type Routes interface {
	// Named answers the policy of that name, nil when there is none.
	Named(name []byte) *RoutePolicy
	// Routed answers the policy whose rules the request meets, as they stood
	// on the wire. There is one exactly when the verdict is route.Found.
	Routed(host, path, method []byte) (*RoutePolicy, route.Verdict)
	// Fresh reports whether the store was heard within the ceiling: what was
	// open then may be closed since.
	Fresh(now time.Time) bool
}

// Limiter counts requests. Package extauthz/limiter fulfils it.
type Limiter interface {
	// Take charges cost to every limit and quota, or to none of them, and
	// appends an outcome for each to out, limits before quotas and each in its
	// order. ok is false when one refused. An error means that nothing could be
	// counted.
	Take(ctx context.Context, now time.Time, cost int64, limits []SubjectLimit, quotas []SubjectQuota,
		out []LimitOutcome) (outcomes []LimitOutcome, ok bool, err error)
}

// AddressLimiter limits all requests of one client address. The address
// arrives as it is counted: of IPv6 the first address of its /64.
type AddressLimiter interface {
	// Take charges one request; ok is false, with the time to wait, when the
	// address has spent its limit.
	Take(client netip.Addr, now time.Time) (retryAfter time.Duration, ok bool)
}

// Failures is the budget of failed credentials of one client address, which
// arrives as it does at an [AddressLimiter].
type Failures interface {
	// Spent reports, without charging, whether the budget is spent.
	Spent(client netip.Addr, now time.Time) (retryAfter time.Duration, spent bool)
	// Record charges one failed credential.
	Record(client netip.Addr, now time.Time)
}
