package store

import (
	"context"
	"net/netip"
	"time"
)

// BlacklistRule refuses the clients of one network before anything else
// happens. Network is masked and unmapped (::ffff:a.b.c.d is stored as IPv4).
type BlacklistRule struct {
	ID        string // "blk_" + time-ordered id
	Namespace string // "" refuses everywhere, else only in this namespace
	Network   netip.Prefix
	Reason    string
	Source    string    // where it comes from, e.g. the name of a list; "" for unsaid
	EndsAt    time.Time // zero: stays until removed
	CreatedBy string
	CreatedAt time.Time
}

// Ended reports whether the rule's time is over at now.
func (r *BlacklistRule) Ended(now time.Time) bool {
	return !r.EndsAt.IsZero() && !now.Before(r.EndsAt)
}

// BlacklistReader reads blacklist rules.
type BlacklistReader interface {
	// BlacklistRule MUST answer ErrNotFound for an unknown id.
	BlacklistRule(ctx context.Context, id string) (BlacklistRule, error)
	// BlacklistRules MUST answer pages ordered by id. scopes are namespaces,
	// with "" for the global rules; an empty list means all.
	BlacklistRules(ctx context.Context, scopes []string, page Page) ([]BlacklistRule, Cursor, error)
}

// BlacklistCounter counts blacklist rules, so that the control plane can bound
// them: every replica holds all of them in memory.
type BlacklistCounter interface {
	// CountBlacklistRules MUST answer how many rules the namespace has ("" for
	// the global ones) and how many there are in all, ended ones included.
	CountBlacklistRules(ctx context.Context, namespace string) (own, all int, err error)
}

// BlacklistWriter changes blacklist rules inside a transaction.
type BlacklistWriter interface {
	// InsertBlacklistRule MUST answer ErrConflict when a rule for the same
	// network and namespace exists, and ErrMissingReference when there is no
	// such namespace.
	InsertBlacklistRule(ctx context.Context, r BlacklistRule) error
	// InsertBlacklistRules MUST make all rules or none, and answer as
	// InsertBlacklistRule does when one of them cannot be made.
	InsertBlacklistRules(ctx context.Context, rules []BlacklistRule) error
	// DeleteBlacklistRule MUST answer ErrNotFound when there is none.
	DeleteBlacklistRule(ctx context.Context, id string) error
}
