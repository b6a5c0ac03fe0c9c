package store

import (
	"context"
	"time"
)

// RoutePolicy says what a route demands, under a name that proxies refer to,
// and which requests it is chosen for where the proxy cannot say so. Policies
// belong to the deployment, not to a namespace: a host is nobody's but the
// proxy's.
type RoutePolicy struct {
	Name        string // 1 to 63 of a-z 0-9 -, the id
	Description string
	Namespaces  []string // whose keys are accepted; empty: "default"
	Scopes      []string // all of them are demanded
	Environment string   // "" for any
	Cost        int64    // what a request is worth to limits, at least 1
	Shadow      bool     // only watches
	Anonymous   bool     // lets requests without a credential in

	// What it is chosen for: see package store/route. Without hosts and paths
	// it is chosen by its name only.
	Hosts   []string
	Paths   []string
	Methods []string

	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// RoutePolicyReader reads route policies.
type RoutePolicyReader interface {
	// RoutePolicy MUST answer ErrNotFound for an unknown name.
	RoutePolicy(ctx context.Context, name string) (RoutePolicy, error)
	// RoutePolicies MUST answer pages ordered by name.
	RoutePolicies(ctx context.Context, page Page) ([]RoutePolicy, Cursor, error)
}

// RoutePolicyWriter changes route policies inside a transaction.
type RoutePolicyWriter interface {
	// InsertRoutePolicy MUST answer ErrConflict when the name is taken.
	InsertRoutePolicy(ctx context.Context, p RoutePolicy) error
	// UpdateRoutePolicy MUST keep the version rule of UpdateKey.
	UpdateRoutePolicy(ctx context.Context, p RoutePolicy) error
	// DeleteRoutePolicy MUST answer ErrNotFound when there is none and
	// ErrStale on another version.
	DeleteRoutePolicy(ctx context.Context, name string, version int64) error
}
