package store

import (
	"context"
	"time"

	"credence/store/limit"
)

// Owner is the team, user or service that keys belong to. Its limits and
// quotas are one budget that all its keys share.
type Owner struct {
	Namespace   string
	Name        string // the id within its namespace
	Description string
	Contact     string
	Limits      []limit.Limit
	Quotas      []limit.Quota
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// OwnerReader reads owners.
type OwnerReader interface {
	// Owner MUST answer ErrNotFound for an unknown name.
	Owner(ctx context.Context, namespace, name string) (Owner, error)
	// Owners MUST answer pages ordered by namespace and name; an empty list
	// of namespaces means all.
	Owners(ctx context.Context, namespaces []string, page Page) ([]Owner, Cursor, error)
}

// OwnerWriter changes owners inside a transaction.
type OwnerWriter interface {
	// InsertOwner MUST answer ErrConflict when the name is taken in the
	// namespace and ErrMissingReference when there is no such namespace.
	InsertOwner(ctx context.Context, o Owner) error
	// UpdateOwner MUST keep the version rule of UpdateKey.
	UpdateOwner(ctx context.Context, o Owner) error
	// DeleteOwner MUST answer ErrReferenced while a key that is not purged
	// names it, ErrNotFound when there is none, ErrStale on another version.
	DeleteOwner(ctx context.Context, namespace, name string, version int64) error
}
