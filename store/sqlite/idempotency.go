package sqlite

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
	err := r.q.QueryRowContext(ctx,
		"SELECT "+idempotencyColumns+" FROM idempotency_keys WHERE actor = ? AND idempotency_key = ?", actor, key).
		Scan(&i.Actor, &i.Key, hash{&i.RequestHash}, &i.ObjectID, instant{&i.CreatedAt})
	if err != nil {
		return store.IdempotencyRecord{}, fmt.Errorf("idempotency record: %w", translate(err))
	}
	return i, nil
}

// InsertIdempotency implements [store.IdempotencyWriter].
func (w *writer) InsertIdempotency(ctx context.Context, i store.IdempotencyRecord) error {
	_, err := w.tx.ExecContext(ctx, "INSERT INTO idempotency_keys ("+idempotencyColumns+") VALUES (?, ?, ?, ?, ?)",
		i.Actor, i.Key, i.RequestHash[:], i.ObjectID, micros(i.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert idempotency record: %w", translate(err))
	}
	return nil
}

// ForgetIdempotency implements [store.IdempotencyWriter].
func (w *writer) ForgetIdempotency(ctx context.Context, actor, key string) error {
	_, err := w.tx.ExecContext(ctx, "DELETE FROM idempotency_keys WHERE actor = ? AND idempotency_key = ?", actor, key)
	if err != nil {
		return fmt.Errorf("forget idempotency record: %w", translate(err))
	}
	return nil
}

// RemoveIdempotency implements [store.IdempotencyWriter].
func (w *writer) RemoveIdempotency(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.tx, store.OldIdempotency, before)
}
