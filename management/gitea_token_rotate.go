package management

import (
	"context"
	"errors"

	"credence/store"
)

// GiteaTokenRotate is the input of [Service.GiteaTokenRotate].
type GiteaTokenRotate struct {
	ID      string
	Overlap string // how long the old one lives on; a Go duration, "" as the token says

	Idempotency Idempotency
}

// GiteaTokenRotate makes a token that takes over from another, with the same
// user and scopes. The old one is deleted when the overlap is over.
func (s *Service) GiteaTokenRotate(ctx context.Context, a Actor, in GiteaTokenRotate) (GiteaTokenCreated, error) {
	what := giteaTokenName(in.ID)
	replayed, err := s.giteaReplayed(ctx, a, what, in.Idempotency)
	if err != nil || replayed.Replayed {
		return replayed, err
	}
	return s.rotateGiteaToken(ctx, a, in, true)
}

// rotateGiteaToken rotates; collected: the caller gets the secret.
func (s *Service) rotateGiteaToken(ctx context.Context, a Actor, in GiteaTokenRotate, collected bool) (GiteaTokenCreated, error) {
	what := giteaTokenName(in.ID)
	old, err := readGiteaToken(ctx, s.store, a, in.ID)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	f, err := s.giteaForgeOf(ctx, &old)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	user := old
	if err := s.giteaPerson(ctx, what, a, f, &user); err != nil {
		return GiteaTokenCreated{}, err
	}
	if old.UserID != "" && user.UserID != old.UserID {
		return GiteaTokenCreated{}, refuse(CodeConflict, "%s: the login %s belongs to another user now; make a token for the right one", what, quoted(old.Login))
	}
	intent, err := s.intendGiteaRotation(ctx, a, in, user.Login)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	made, secret, err := s.mintGiteaToken(ctx, a, f, intent, collected)
	return GiteaTokenCreated{Token: made, Secret: secret}, err
}

// intendGiteaRotation writes down that a token is about to be made that takes
// over from another.
func (s *Service) intendGiteaRotation(ctx context.Context, a Actor, in GiteaTokenRotate, login string) (store.OutsideCredential, error) {
	what := giteaTokenName(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		old, err := readGiteaToken(ctx, t, a, in.ID)
		if err != nil {
			return old, err
		}
		c, err := t.Connection(ctx, old.ConnectionID)
		if err != nil {
			return old, err
		}
		p := &problems{now: t.Now()}
		if in.Overlap != "" {
			old.Overlap = p.overlap(in.Overlap)
		}
		p.idempotencyKey(in.Idempotency)
		p.giteaLogin(&c, login)
		p.giteaScopes(&c, old.Scopes)
		if err := errors.Join(usable(&c), rotatableGiteaToken(&old)); err != nil {
			return old, err
		}
		intent := store.OutsideCredential{
			System: old.System, ConnectionID: old.ConnectionID, Namespace: old.Namespace, Name: giteaBase(old.Name), Login: login, UserID: old.UserID,
			Scopes: old.Scopes, Owner: old.Owner, Description: old.Description, State: store.OutsideMaking, StateAt: t.Now(),
			RotateEvery: old.RotateEvery, Overlap: old.Overlap, Predecessor: old.ID,
			CreatedBy: a.ID, CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
		}
		if !old.ExpiresAt.IsZero() { // as long a life as the old one had
			intent.ExpiresAt = t.Now().Add(old.ExpiresAt.Sub(old.CreatedAt))
		}
		if a.ID == giteaActor().ID {
			if intent.ExpiresAt, err = t.clipLife(ctx, intent.Namespace, intent.ExpiresAt); err != nil {
				return old, err
			}
		}
		if err := t.keepGiteaPolicy(ctx, p, &intent); err != nil {
			return old, err
		}
		if err := p.err(what); err != nil {
			return old, err
		}
		if intent, err = s.insertGiteaIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		old.Successor, old.UpdatedAt = intent.ID, t.Now()
		if err := t.UpdateOutsideCredential(ctx, old); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.Idempotency, intent.ID)
	})
	return out, err
}

// rotatableGiteaToken refuses to rotate what is not there, or was already.
func rotatableGiteaToken(t *store.OutsideCredential) error {
	switch {
	case t.State != store.OutsideActive:
		return refuse(CodeConflict, "%s: is %s; only an active token is rotated", giteaTokenName(t.ID), t.State)
	case t.Successor != "":
		return refuse(CodeConflict, "%s: %s takes over from it already; rotate that one", giteaTokenName(t.ID), t.Successor)
	}
	return nil
}
