package store

import (
	"context"
	"time"
)

// KeyPolicy is what keys of one type are held to. It is judged when keys are
// written; the data plane need not know.
type KeyPolicy struct {
	Namespace      string // "" for all namespaces that have none of their own
	KeyType        KeyType
	LongestLife    time.Duration // from when a key is made; 0: no bound
	DefaultLife    time.Duration // of a key that names no end; 0: none
	RotateEvery    time.Duration // a key is to have a successor this long after it was made; 0: never
	WarnBefore     time.Duration // how long before that it is due
	ExpiryRequired bool
	ScopesRequired bool
	ReasonRequired bool
	UpdatedAt      time.Time
	Version        int64
}

// KeyPolicyReader reads key policies.
type KeyPolicyReader interface {
	// KeyPolicies MUST answer one policy for each key type, in the order of
	// KeyTypes: the namespace's own where it has one, else the global one.
	// Namespace "" MUST answer the global ones.
	KeyPolicies(ctx context.Context, namespace string) ([]KeyPolicy, error)
}

// KeyPolicyWriter changes key policies inside a transaction. The global ones
// are made by the first migration.
type KeyPolicyWriter interface {
	// InsertKeyPolicy MUST answer ErrConflict when the namespace has one for
	// the type, and ErrMissingReference when there is no such namespace.
	InsertKeyPolicy(ctx context.Context, p KeyPolicy) error
	// UpdateKeyPolicy MUST keep the version rule of UpdateKey.
	UpdateKeyPolicy(ctx context.Context, p KeyPolicy) error
	// DeleteKeyPolicy MUST answer ErrNotFound when the namespace has none of
	// its own for the type, and ErrStale on another version.
	DeleteKeyPolicy(ctx context.Context, namespace string, keyType KeyType, version int64) error
}
