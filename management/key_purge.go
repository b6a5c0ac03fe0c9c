package management

import (
	"context"

	"credence/store"
)

// KeyPurge is the input of [Service.KeyPurge].
type KeyPurge struct {
	KeyID   string
	Version int64 // 0: whatever the key is now
}

// KeyPurge erases everything of a revoked or expired key but its ids and
// times. Purging a purged key answers it unchanged.
func (s *Service) KeyPurge(ctx context.Context, a Actor, in KeyPurge) (KeyChanged, error) {
	what := "key " + quoted(in.KeyID)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (KeyChanged, error) {
		k, err := t.key(ctx, in.KeyID)
		if err != nil {
			return KeyChanged{}, err
		}
		if err := checkVersion(what, in.Version, k.Version); err != nil {
			return KeyChanged{}, err
		}
		switch {
		case k.Status == store.StatusPurged:
			return KeyChanged{Key: k}, nil
		case k.Status != store.StatusRevoked && !k.Expired(t.Now()):
			return KeyChanged{}, refuse(CodeKeyNotPurgeable, "%s: is neither revoked nor expired; revoke it first", what)
		}
		if err := t.purge(ctx, &k); err != nil {
			return KeyChanged{}, err
		}
		purged, err := t.Key(ctx, in.KeyID)
		return KeyChanged{Key: purged, Changed: true}, err
	})
	if err != nil {
		return KeyChanged{}, err
	}
	out.Position = position
	return out, nil
}

func (t *transaction) purge(ctx context.Context, k *store.Key) error {
	// No details: they would keep what was to be erased.
	t.recordKey("key.purge", k, details{})
	return t.PurgeKey(ctx, *k)
}
