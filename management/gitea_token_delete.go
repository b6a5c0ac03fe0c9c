package management

import (
	"context"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
)

// GiteaTokenDelete deletes a token on the server and here. When the server
// cannot be asked now, it is written down that it is to be deleted, and done
// later.
func (s *Service) GiteaTokenDelete(ctx context.Context, a Actor, id string) error {
	what := giteaTokenName(id)
	is, err := readGiteaToken(ctx, s.store, a, id)
	if err != nil {
		return err
	}
	f, err := s.giteaForgeOf(ctx, &is)
	if err != nil {
		return err
	}
	is, err = s.intendGiteaDeletion(ctx, a, id)
	if err != nil {
		return err
	}
	if err := s.endGiteaToken(ctx, a, f, &is, "by_person"); err != nil {
		if remote.KindOf(err) == "" {
			return failed(what, err)
		}
		return remoteFailed(what+": it is deleted as soon as the server can be asked", a, err)
	}
	return nil
}

// intendGiteaDeletion writes down that a token is to be deleted.
func (s *Service) intendGiteaDeletion(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	what := giteaTokenName(id)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := readGiteaToken(ctx, t, a, id)
		if err != nil {
			return is, err
		}
		switch is.State {
		case store.OutsideMaking:
			return is, refuse(CodeConflict, "%s: is being made; try again in some minutes", what)
		case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideStranger, store.OutsideDeleting:
		}
		t.recordGiteaToken("gitea_token.delete", &is, details{Before: giteaTokenFacts(&is)})
		if is.State == store.OutsideDeleting { // it has its job already
			return is, nil
		}
		is.State, is.StateAt, is.UpdatedAt = store.OutsideDeleting, t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		return is, t.Enqueue(ctx, store.OutsideJob(&is, t.Now().Add(giteaLater)))
	})
	return out, err
}

// removeGiteaToken deletes a token on the server, under the login that its user
// has now. Another server, or a restored one, says as well that it has no such
// token; where its secret is here, that decides.
func (s *Service) removeGiteaToken(ctx context.Context, f *forge, is *store.OutsideCredential) error {
	login := is.Login
	id, user, err := is.Numbers()
	if err == nil && user != 0 {
		login, err = f.LoginOf(ctx, f.target, user)
	}
	if err == nil {
		err = f.Delete(ctx, f.target, login, id)
	}
	if remote.KindOf(err) != remote.NotFound || len(is.Secret) == 0 {
		return absent(err)
	}
	secret, err := s.giteaSecret(is)
	if err != nil {
		return err
	}
	switch v := f.Verify(ctx, f.target, gitea.Claim{Secret: secret}); v.Outcome {
	case remote.Invalid:
		return nil
	case remote.Valid, remote.ValidLimited, remote.Blocked:
		return refuse(CodeConflict, "%s: the server says that it has no such token, and its secret works there all the same; it is kept: delete it on the server, under whatever id and user it has there", giteaTokenName(is.ID))
	case remote.Unknown:
	}
	return f.target.Fail(remote.Unavailable, 0, "says that it has no such token, and whether its secret still works could not be seen")
}

// absent takes what is not there for deleted.
func absent(err error) error {
	if remote.KindOf(err) == remote.NotFound {
		return nil
	}
	return err
}

// deleteTime bounds deleting and writing down that it was done.
const deleteTime = 45 * time.Second

// endGiteaToken deletes a token on the server, by its id, and forgets it.
func (s *Service) endGiteaToken(ctx context.Context, a Actor, f *forge, is *store.OutsideCredential, reason string) error {
	lasting, cancel := lastingFor(ctx, deleteTime)
	defer cancel()
	if is.RemoteID != "" {
		if err := s.removeGiteaToken(lasting, f, is); err != nil {
			return s.calledBack(lasting, &f.connection, err)
		}
	}
	_, _, err := transact(lasting, s, a, giteaTokenName(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, store.SystemGitea, is.ID, is.Version); err != nil {
			return struct{}{}, err
		}
		t.recordGiteaToken("gitea_token.end", is, details{Before: giteaTokenFacts(is)})
		t.tellGiteaToken(event.GiteaTokenDeleted, is, reason)
		return struct{}{}, nil
	})
	if gone(err) { // somebody else was faster
		return nil
	}
	return err
}
