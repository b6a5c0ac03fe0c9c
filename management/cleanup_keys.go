package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// keyBatch is how many keys one transaction of a cleanup does.
const keyBatch = 200

// lostAfter is how long a rotation_close job is waited for after its time.
const lostAfter = 5 * time.Minute

// expiredKeys announces the end of each key's life, once for each end: the mark
// and the entry are one transaction, however many control planes run it.
func expiredKeys() cleanup {
	return cleanup{
		name: "expired-keys", about: "keys whose life has ended: an audit entry key.expire of each, once", every: time.Minute, most: 50,
		run: keys(
			func(r *cleanupRun) store.KeyFilter {
				return store.KeyFilter{Statuses: live(), ExpiredAt: r.now, Unannounced: store.AnnounceExpiry}
			},
			func(k *store.Key) time.Time { return k.ExpiresAt },
			func(ctx context.Context, t *transaction, k store.Key) error {
				if !k.Expired(t.Now()) {
					return nil
				}
				f := facts{}
				f.instant("expires_at", k.ExpiresAt)
				t.recordKey("key.expire", &k, details{After: f})
				return t.AnnounceKey(ctx, k.KeyID, store.AnnounceExpiry, k.ExpiresAt)
			}),
	}
}

// expiringKeys announces once of each key that its life ends soon.
func expiringKeys() cleanup {
	return cleanup{
		name: "expiring-keys", about: "keys whose life ends within a week: an audit entry key.expiring of each, once", every: 5 * time.Minute, most: 50,
		run: keys(
			func(r *cleanupRun) store.KeyFilter {
				return store.KeyFilter{
					Status: store.StatusActive, UnexpiredAt: r.now, ExpiresBy: r.now.Add(store.ExpiringAhead), Unannounced: store.AnnounceExpiring,
				}
			},
			func(k *store.Key) time.Time { return k.ExpiresAt },
			func(ctx context.Context, t *transaction, k store.Key) error {
				f := facts{}
				f.instant("expires_at", k.ExpiresAt)
				t.recordKey("key.expiring", &k, details{After: f})
				return t.AnnounceKey(ctx, k.KeyID, store.AnnounceExpiring, k.ExpiresAt)
			}),
	}
}

// lostRotations closes rotations whose job did not: the key is refused already,
// but not revoked.
func lostRotations() cleanup {
	return cleanup{
		name: "rotations", about: "rotated keys whose grace is over and that no job has closed: they are revoked", every: 5 * time.Minute, most: 20,
		run: keys(
			func(r *cleanupRun) store.KeyFilter {
				return store.KeyFilter{Statuses: live(), GraceEndedAt: r.now.Add(-lostAfter)}
			},
			func(k *store.Key) time.Time { return k.GraceEndsAt },
			func(ctx context.Context, t *transaction, k store.Key) error {
				if closed(&k) || k.InGrace(t.Now()) {
					return nil
				}
				_, err := t.closeRotation(ctx, k)
				return err
			}),
	}
}

// revokedKeys erases keys a while after they were revoked.
func revokedKeys(keep time.Duration) cleanup {
	return cleanup{
		name: "revoked-keys", about: "keys that were revoked long ago: they are purged, all but their ids", every: time.Hour,
		aged: true, keep: keep, most: 50,
		run: keys(
			func(r *cleanupRun) store.KeyFilter {
				return store.KeyFilter{Status: store.StatusRevoked, StatusBefore: r.before}
			},
			func(k *store.Key) time.Time { return k.StatusAt },
			func(ctx context.Context, t *transaction, k store.Key) error {
				if k.Status != store.StatusRevoked {
					return nil
				}
				return t.purge(ctx, &k)
			}),
	}
}

// keys does something to each key that the filter finds, a batch in a
// transaction. A dry run lists what the same filter finds.
func keys(
	filter func(r *cleanupRun) store.KeyFilter, since func(k *store.Key) time.Time,
	do func(ctx context.Context, t *transaction, k store.Key) error,
) func(context.Context, *cleanupRun) error {
	return func(ctx context.Context, r *cleanupRun) error {
		of := filter(r)
		if r.dry {
			return r.listKeys(ctx, of, since)
		}
		var errs []error
		for page := (store.Page{Limit: keyBatch}); r.next(); {
			n, next, err := r.keyBatch(ctx, of, page, do)
			if err != nil && ctx.Err() == nil {
				n, next, err = r.keyByKey(ctx, of, page, do)
			}
			r.out.Done += n
			errs = append(errs, err)
			if page.After = next; next == "" || ctx.Err() != nil {
				break
			}
		}
		return errors.Join(errs...)
	}
}

func (r *cleanupRun) listKeys(ctx context.Context, of store.KeyFilter, since func(k *store.Key) time.Time) (err error) {
	if r.out.Done, err = r.store.CountKeys(ctx, of); err != nil {
		return err
	}
	found, _, err := r.store.Keys(ctx, of, store.Page{Limit: cleanupItems})
	for i := range found {
		r.item(CleanupItem{Object: "key:" + found[i].KeyID, Namespace: found[i].Namespace, Since: since(&found[i])})
	}
	return err
}

// keyBatch finds and does a batch in one transaction.
func (r *cleanupRun) keyBatch(ctx context.Context, of store.KeyFilter, page store.Page,
	do func(context.Context, *transaction, store.Key) error,
) (n int, next store.Cursor, err error) {
	_, _, err = transact(ctx, r.Service, r.actor, "cleanup", func(ctx context.Context, t *transaction) (struct{}, error) {
		found, after, err := t.Keys(ctx, of, page)
		for i := range found {
			if err == nil {
				err = do(ctx, t, found[i])
			}
		}
		n, next = len(found), after
		return struct{}{}, err
	})
	if err != nil {
		return 0, "", err
	}
	return n, next, nil
}

// keyByKey is keyBatch for a batch in which something cannot be done: that must
// not keep the others from it. What was done meanwhile by somebody else is done.
func (r *cleanupRun) keyByKey(ctx context.Context, of store.KeyFilter, page store.Page,
	do func(context.Context, *transaction, store.Key) error,
) (n int, next store.Cursor, err error) {
	found, next, err := r.store.Keys(ctx, of, page)
	if err != nil {
		return 0, "", err
	}
	var errs []error
	for i := range found {
		_, _, err := transact(ctx, r.Service, r.actor, "key "+quoted(found[i].KeyID), func(ctx context.Context, t *transaction) (struct{}, error) {
			k, err := t.Key(ctx, found[i].KeyID)
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, do(ctx, t, k)
		})
		switch {
		case err == nil:
			n++
		case errors.Is(err, store.ErrConflict): // announced by another control plane
		default:
			r.logger.WarnContext(ctx, "cleanup of a key failed", slog.String("key_id", found[i].KeyID), slog.Any("error", err))
			errs = append(errs, err)
		}
	}
	return n, next, errors.Join(errs...)
}
