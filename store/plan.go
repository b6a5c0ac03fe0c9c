package store

import (
	"context"
	"time"

	"credence/store/limit"
)

// Plan is a named set of limits that many keys share: the definition is
// shared, each key has a budget of its own.
type Plan struct {
	Namespace   string
	Name        string // the id within its namespace
	Description string
	Limits      []limit.Limit
	Quotas      []limit.Quota
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// PlanReader reads plans.
type PlanReader interface {
	// Plan MUST answer ErrNotFound for an unknown name.
	Plan(ctx context.Context, namespace, name string) (Plan, error)
	// Plans MUST answer pages ordered by namespace and name; an empty list of
	// namespaces means all.
	Plans(ctx context.Context, namespaces []string, page Page) ([]Plan, Cursor, error)
}

// PlanWriter changes plans inside a transaction.
type PlanWriter interface {
	// InsertPlan MUST answer ErrConflict when the name is taken in the
	// namespace and ErrMissingReference when there is no such namespace.
	InsertPlan(ctx context.Context, p Plan) error
	// UpdatePlan MUST keep the version rule of UpdateKey.
	UpdatePlan(ctx context.Context, p Plan) error
	// DeletePlan MUST answer ErrReferenced while a key that is not purged
	// names it, ErrNotFound when there is none, ErrStale on another version.
	DeletePlan(ctx context.Context, namespace, name string, version int64) error
}
