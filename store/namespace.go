package store

import (
	"context"
	"time"
)

// DefaultNamespace is the namespace of everything that names none. It is
// made by the first migration and cannot be deleted.
const DefaultNamespace = "default"

// Namespace is a tenant boundary; every object lives in one.
type Namespace struct {
	Name        string // 1 to 63 of a-z 0-9 -, the id
	Description string
	KeyPrefix   string // first word of key texts minted here, e.g. "crd"
	Environment string // second word when a key names none, e.g. "live"
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64 // grows with every update; the ETag
}

// NamespaceReader reads namespaces.
type NamespaceReader interface {
	// Namespace MUST answer ErrNotFound for an unknown name.
	Namespace(ctx context.Context, name string) (Namespace, error)
	// Namespaces MUST answer pages ordered by name.
	Namespaces(ctx context.Context, page Page) ([]Namespace, Cursor, error)
}

// NamespaceWriter changes namespaces inside a transaction.
type NamespaceWriter interface {
	// InsertNamespace MUST answer ErrConflict when the name is taken.
	InsertNamespace(ctx context.Context, n Namespace) error
	// UpdateNamespace MUST write only when the stored version is n.Version,
	// answer ErrStale otherwise and ErrNotFound when there is none, and
	// store n.Version+1.
	UpdateNamespace(ctx context.Context, n Namespace) error
	// DeleteNamespace MUST answer ErrReferenced while any key, owner, plan,
	// key policy or blacklist rule lives in it, ErrNotFound when there is none and
	// ErrStale when the version differs.
	DeleteNamespace(ctx context.Context, name string, version int64) error
}
