package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const idempotencyColumns = "actor, idempotency_key, request_hash, object_id, created_at"

// Idempotency implements [store.IdempotencyReader].
func (r reader) Idempotency(ctx context.Context, actor, key string) (store.IdempotencyRecord, error) {
	var i store.IdempotencyRecord
	err := r.q.value(ctx,
		"SELECT "+idempotencyColumns+" FROM credence.idempotency_keys WHERE actor = $1 AND idempotency_key = $2",
		[]any{actor, key}, &i.Actor, &i.Key, hash{&i.RequestHash}, &i.ObjectID, instant{&i.CreatedAt})
	if err != nil {
		return store.IdempotencyRecord{}, fmt.Errorf("idempotency record: %w", err)
	}
	return i, nil
}

// InsertIdempotency implements [store.IdempotencyWriter].
func (w *writer) InsertIdempotency(ctx context.Context, i store.IdempotencyRecord) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.idempotency_keys ("+idempotencyColumns+") VALUES ($1, $2, $3, $4, $5)",
		i.Actor, i.Key, i.RequestHash[:], i.ObjectID, timeOrNull(i.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert idempotency record: %w", err)
	}
	return nil
}

// ForgetIdempotency implements [store.IdempotencyWriter].
func (w *writer) ForgetIdempotency(ctx context.Context, actor, key string) error {
	if _, err := w.q.exec(ctx, "DELETE FROM credence.idempotency_keys WHERE actor = $1 AND idempotency_key = $2", actor, key); err != nil {
		return fmt.Errorf("forget idempotency record: %w", err)
	}
	return nil
}

// RemoveIdempotency implements [store.IdempotencyWriter].
func (w *writer) RemoveIdempotency(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.q, store.OldIdempotency, before)
}
