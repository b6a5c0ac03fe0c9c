package management

import (
	"context"
	"log/slog"
	"time"

	"credence/store"
)

// dueRotations says of keys that they are to have a successor soon: once for
// each such instant, in the audit log and as a warning in the log. It rotates
// none: nobody would be there to take the text of the successor.
func dueRotations() cleanup {
	return cleanup{
		name: "due-rotations", about: "keys that are to have a successor soon: a warning and an audit entry key.rotation_due of each, once",
		every: time.Hour, most: 50,
		run: keys(
			func(r *cleanupRun) store.KeyFilter {
				return store.KeyFilter{
					Status: store.StatusActive, UnexpiredAt: r.now, RotationDueAt: r.now, Unannounced: store.AnnounceRotation,
				}
			},
			func(k *store.Key) time.Time { return k.CreatedAt },
			func(ctx context.Context, t *transaction, k store.Key) error {
				policy, err := t.policy(ctx, k.Namespace, k.KeyType)
				if err != nil {
					return err
				}
				due := rotateBy(&policy, &k)
				if due.IsZero() {
					return nil
				}
				f := facts{}
				f.instant("rotation_due", due)
				t.recordKey("key.rotation_due", &k, details{After: f})
				t.warn("key is to be rotated", slog.String("key_id", k.KeyID), slog.String("namespace", k.Namespace),
					slog.String("owner", k.Owner), slog.Time("rotation_due", due))
				return t.AnnounceKey(ctx, k.KeyID, store.AnnounceRotation, due)
			}),
	}
}
