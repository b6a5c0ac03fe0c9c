package store

import (
	"context"
	"time"
)

// IdempotencyRecord remembers the answer to a create, so that a repeated
// request makes nothing twice. Secrets are not part of it.
type IdempotencyRecord struct {
	Actor       string   // who asked; records of different actors never meet
	Key         string   // the Idempotency-Key header
	RequestHash [32]byte // of method, path and body
	ObjectID    string   // what was made
	CreatedAt   time.Time
}

// IdempotencyReader reads idempotency records.
type IdempotencyReader interface {
	// Idempotency MUST answer ErrNotFound when the actor has not used the key.
	Idempotency(ctx context.Context, actor, key string) (IdempotencyRecord, error)
}

// IdempotencyWriter records them inside the transaction of the create.
type IdempotencyWriter interface {
	// InsertIdempotency MUST answer ErrConflict when the actor's key exists.
	InsertIdempotency(ctx context.Context, r IdempotencyRecord) error
	// ForgetIdempotency MUST delete the record of the actor's key, and answer
	// nil when there is none.
	ForgetIdempotency(ctx context.Context, actor, key string) error
	// RemoveIdempotency MUST delete at most RemoveBatch records made before
	// the instant, oldest first, and answer how many.
	RemoveIdempotency(ctx context.Context, before time.Time) (int, error)
}
