package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

func idempotencyPromises() []promise {
	return []promise{
		{"Idempotency", "answers ErrNotFound when the actor has not used the key", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdempotency(ctx, f.sampleIdempotency("alice"))
			})
			_, err := f.backend.Idempotency(f.Context(), "alice", "other")
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.Idempotency(f.Context(), "bob", "once")
			f.refused(err, store.ErrNotFound)
		}},
		{"InsertIdempotency", "stores every field, per actor", func(f *fixture) {
			noZeroField(f, f.sampleIdempotency("alice"))
			for _, actor := range []string{"alice", "bob"} {
				r := f.sampleIdempotency(actor)
				f.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertIdempotency(ctx, r) })
				got, err := f.backend.Idempotency(f.Context(), actor, "once")
				f.ok(err)
				equal(f, got, r)
			}
		}},
		{"InsertIdempotency", "answers ErrConflict when the actor's key exists", func(f *fixture) {
			insert := func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdempotency(ctx, f.sampleIdempotency("alice"))
			}
			f.do(insert)
			f.refused(f.try(insert), store.ErrConflict)
		}},
		{"ForgetIdempotency", "deletes the record of the actor's key alone, and answers nil when there is none", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return errors.Join(tx.InsertIdempotency(ctx, f.sampleIdempotency("alice")), tx.InsertIdempotency(ctx, f.sampleIdempotency("bob")))
			})
			for range 2 {
				f.do(func(ctx context.Context, tx *store.Tx) error { return tx.ForgetIdempotency(ctx, "alice", "once") })
			}
			_, err := f.backend.Idempotency(f.Context(), "alice", "once")
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.Idempotency(f.Context(), "bob", "once")
			f.ok(err)
		}},
		{"RemoveIdempotency", "deletes records made before the instant", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdempotency(ctx, f.sampleIdempotency("alice"))
			})
			f.clock.advance(time.Microsecond)
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdempotency(ctx, f.sampleIdempotency("bob"))
			})
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				n, err := w.RemoveIdempotency(ctx, f.clock.now())
				equal(f, n, 1)
				return err
			}))
			_, err := f.backend.Idempotency(f.Context(), "alice", "once")
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.Idempotency(f.Context(), "bob", "once")
			f.ok(err)
		}},
		{"RemoveIdempotency", "deletes a batch at most, oldest first", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				for i := range store.RemoveBatch + 2 {
					r := f.sampleIdempotency(fmt.Sprintf("actor %d", i))
					r.CreatedAt = r.CreatedAt.Add(-time.Duration(i) * time.Second)
					if err := tx.InsertIdempotency(ctx, r); err != nil {
						return err
					}
				}
				return nil
			})
			n, err := f.store.RemoveIdempotency(f.Context(), f.clock.now().Add(time.Hour))
			f.ok(err)
			equal(f, n, store.RemoveBatch)
			_, err = f.backend.Idempotency(f.Context(), "actor 1", "once")
			f.ok(err)
			_, err = f.backend.Idempotency(f.Context(), "actor 2", "once")
			f.refused(err, store.ErrNotFound)
		}},
	}
}

func (f *fixture) sampleIdempotency(actor string) store.IdempotencyRecord {
	return store.IdempotencyRecord{
		Actor: actor, Key: "once", RequestHash: sha256.Sum256([]byte("POST /v1/keys")), ObjectID: keyID(1), CreatedAt: f.clock.now(),
	}
}
