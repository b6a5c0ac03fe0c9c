package management

import (
	"context"
	"errors"
	"time"

	"credence/store"
)

const (
	// silencePause is the least time between two looks at whether a key is
	// silent.
	silencePause = 30 * time.Second
	// arrives is how long usage is on its way at most when all is well.
	arrives = 20 * time.Second
)

// KeyRotationClose ends the grace of a key whose time is over, or that has been
// silent for long enough; the job of that name calls it. The key is revoked
// then. It answers the zero time when there is nothing left to do, by this call
// or before, else the instant at which to call again.
func (s *Service) KeyRotationClose(ctx context.Context, keyID string) (again time.Time, err error) {
	what := "rotation of key " + quoted(keyID)
	k, err := s.store.Key(ctx, keyID)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, failed(what, err)
	}
	now := s.now().UTC()
	if closed(&k) {
		return time.Time{}, nil
	}
	if k.InGrace(now) {
		if k.CloseWhenSilent == 0 {
			return k.GraceEndsAt, nil
		}
		use, err := s.rotationUse(ctx, &k, now)
		if err != nil {
			return time.Time{}, failed(what, err)
		}
		if !use.silentFor(k.CloseWhenSilent) {
			return nextLook(&k, use.QuietSince, now), nil
		}
	}
	return time.Time{}, s.closeRotation(ctx, what, k)
}

// closed reports whether nothing is left to close.
func closed(k *store.Key) bool {
	return !k.Rotated() || k.Status == store.StatusRevoked || k.Status == store.StatusPurged
}

// nextLook is when silence can be there, but not before a pause and not after
// the end of the grace.
func nextLook(k *store.Key, quietSince, now time.Time) time.Time {
	at := quietSince.Add(k.CloseWhenSilent + arrives)
	if soonest := now.Add(silencePause); at.Before(soonest) {
		at = soonest
	}
	if at.After(k.GraceEndsAt) {
		return k.GraceEndsAt
	}
	return at
}

// closeRotation revokes the key, if it is still the one that was looked at.
func (s *Service) closeRotation(ctx context.Context, what string, seen store.Key) error {
	a := Actor{ID: "job:" + jobRotationClose, Role: store.RoleAdmin}
	_, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (KeyChanged, error) {
		before, err := t.Key(ctx, seen.KeyID)
		if err != nil || closed(&before) {
			return KeyChanged{Key: before}, err
		}
		if err := checkVersion(what, seen.Version, before.Version); err != nil {
			return KeyChanged{}, err
		}
		return t.closeRotation(ctx, before)
	})
	return err
}

func (t *transaction) closeRotation(ctx context.Context, before store.Key) (KeyChanged, error) {
	after := replaced(before, t.Now())
	return t.updateKey(ctx, "key.rotation_close", after, changedFacts(keyFacts(&before), keyFacts(&after)))
}
