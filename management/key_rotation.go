package management

import (
	"context"
	"time"

	"credence/store"
)

// Rotation is how the rotation of a key stands.
type Rotation struct {
	Key store.Key // that was rotated
	// Open says that the key is still let in beside its successor.
	Open bool
	// ClosesAt is when the key is refused at the latest; of a rotation that is
	// not open: when it was closed.
	ClosesAt time.Time
	// SilentAt is when the key will have been silent for long enough, if
	// nobody uses it from now on; zero where nobody waits for that.
	SilentAt time.Time
	Use      RotationUse
}

// KeyRotation says who still uses a key that was rotated, and when it will be
// closed. The successor's id finds the rotation, too.
func (s *Service) KeyRotation(ctx context.Context, a Actor, keyID string) (Rotation, error) {
	what := "rotation of key " + quoted(keyID)
	k, err := readKey(ctx, s.store, a, keyID)
	if err == nil && !k.Rotated() && k.Predecessor != "" {
		k, err = readKey(ctx, s.store, a, k.Predecessor)
	}
	if err != nil {
		return Rotation{}, err
	}
	if !k.Rotated() {
		return Rotation{}, refuse(CodeNotFound, "%s: there is none; begin one with `credence keys rotate`", what)
	}
	now := s.now().UTC()
	r := Rotation{Key: k, Open: !closed(&k) && k.InGrace(now), ClosesAt: k.GraceEndsAt}
	if r.Use, err = s.rotationUse(ctx, &k, now); err != nil {
		return Rotation{}, failed(what, err)
	}
	switch {
	case !r.Open && k.StatusAt.Before(r.ClosesAt):
		r.ClosesAt = k.StatusAt // revoked before its time
	case r.Open && k.CloseWhenSilent > 0:
		r.SilentAt = r.Use.QuietSince.Add(k.CloseWhenSilent)
	}
	return r, nil
}
