package management

import (
	"context"
	"time"

	"credence/management/event"
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
func (s *Service) intendGiteaDeletion(ctx context.Context, a Actor, id string) (store.GiteaToken, error) {
	what := giteaTokenName(id)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.GiteaToken, error) {
		is, err := readGiteaToken(ctx, t, a, id)
		if err != nil {
			return is, err
		}
		switch is.State {
		case store.GiteaTokenMaking:
			return is, refuse(CodeConflict, "%s: is being made; try again in some minutes", what)
		case store.GiteaTokenActive, store.GiteaTokenWidened, store.GiteaTokenMissing, store.GiteaTokenStranger, store.GiteaTokenDeleting:
		}
		t.recordGiteaToken("gitea_token.delete", &is, details{Before: giteaTokenFacts(&is)})
		is.State, is.StateAt, is.UpdatedAt = store.GiteaTokenDeleting, t.Now(), t.Now()
		if err := t.UpdateGiteaToken(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		return is, t.Enqueue(ctx, store.GiteaTokenJob(is.ID, t.Now().Add(giteaLater)))
	})
	return out, err
}

// deleteTime bounds deleting and writing down that it was done.
const deleteTime = 45 * time.Second

// endGiteaToken deletes a token on the server, by its id, and forgets it.
func (s *Service) endGiteaToken(ctx context.Context, a Actor, f *forge, is *store.GiteaToken, reason string) error {
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	if is.GiteaTokenID != 0 {
		if err := f.Delete(lasting, f.target, is.Login, is.GiteaTokenID); err != nil {
			return s.calledBack(lasting, &f.connection, err)
		}
	}
	_, _, err := transact(lasting, s, a, giteaTokenName(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteGiteaToken(ctx, is.ID, is.Version); err != nil {
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
