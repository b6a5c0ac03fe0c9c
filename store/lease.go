package store

import (
	"context"
	"time"
)

// Leases say which of several control planes does what only one should do.
// Time is counted by the database's clock where it has one of its own, so
// holders need no common clock.
type Leases interface {
	// TryLease MUST answer true, and let holder have the lease of that name
	// until ttl from now, when nobody has it, its time is over, or holder has
	// it already; otherwise it MUST answer false and change nothing. Of several
	// who try at once exactly one gets it.
	TryLease(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error)
	// ReleaseLease MUST end the lease when holder has it, and change nothing
	// otherwise.
	ReleaseLease(ctx context.Context, name, holder string) error
}
