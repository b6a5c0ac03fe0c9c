package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/management/gitea"
	"credence/store"
)

// When what is due for a token is looked at again.
const (
	giteaDoubt = 2 * time.Minute  // after an intent: longer than making a token may take
	giteaSure  = 10 * time.Minute // then a token that is not there was not made
	giteaLater = 5 * time.Minute  // after the server could not be asked
)

// latest is how long it takes at most until something that failed is tried
// again.
const latest = time.Hour

// tryLater is when to try again what has been due since an instant: after as
// long as it has been due, so that the pauses double, within bounds.
func tryLater(now, since time.Time) time.Time {
	return now.Add(min(max(now.Sub(since), giteaLater), latest))
}

// GiteaTokenTend does what is due for one token, and answers when to call
// again; the zero time when nothing is left. It may run any number of times.
//
//	making    find out whether it was made; what was is deleted, by id: nobody
//	          holds its secret
//	deleting  delete it
//	active    delete it at its end; before that, have another take over in time
func (s *Service) GiteaTokenTend(ctx context.Context, id string) (again time.Time, err error) {
	is, err := s.store.OutsideCredential(ctx, store.SystemGitea, id)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	if at := giteaTokenDue(&is); is.Lives() && (at.IsZero() || at.After(now)) {
		return at, nil
	}
	c, err := s.store.Connection(ctx, is.ConnectionID)
	if err != nil {
		return time.Time{}, err
	}
	if !c.Usable() {
		return s.giteaTokenAgain(ctx, &is)
	}
	f, err := s.giteaForge(c)
	if err != nil {
		return time.Time{}, err
	}
	switch is.State {
	case store.OutsideMaking:
		again, err = s.reconcileGiteaToken(ctx, f, &is)
	case store.OutsideDeleting:
		err = s.endGiteaToken(ctx, giteaActor(), f, &is, "by_person")
	case store.OutsideActive, store.OutsideWidened:
		err = s.ageGiteaToken(ctx, f, &is)
	case store.OutsideMissing, store.OutsideStranger:
	}
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "gitea token is tended later", slog.String("token_id", id), slog.String("state", string(is.State)), slog.Any("error", err))
		return s.giteaTokenAgain(ctx, &is)
	}
	return again, nil
}

// giteaTokenAgain is when to tend a token again of which something failed. What
// the attempt has left is not tried again from here: whoever changed its state,
// or has another take over from it, has put a job in the queue for it, and two
// would become more with every failure.
func (s *Service) giteaTokenAgain(ctx context.Context, was *store.OutsideCredential) (time.Time, error) {
	is, err := s.store.OutsideCredential(ctx, was.System, was.ID)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err == nil && s.overdue(is.ExpiresAt, is.Lives() || is.State == store.OutsideDeleting) {
		err = s.seeOverdue(ctx, giteaActor(), is.Namespace, "gitea_token:"+is.ID,
			"The life of the token "+is.Name+" of the Gitea user "+is.Login+" has ended, and Gitea may still accept it: it could not be deleted.")
	}
	if err != nil || is.State != was.State {
		return time.Time{}, err
	}
	now, since := s.now(), is.StateAt
	if is.Lives() {
		since = giteaTokenDue(&is)
		if since.IsZero() || since.After(now) {
			return since, nil
		}
	}
	again := tryLater(now, since)
	if is.Lives() && is.ExpiresAt.After(now) && is.ExpiresAt.Before(again) {
		again = is.ExpiresAt
	}
	return again, nil
}

// reconcileGiteaToken finds out what became of an intent.
func (s *Service) reconcileGiteaToken(ctx context.Context, f *forge, intent *store.OutsideCredential) (again time.Time, err error) {
	age := s.now().Sub(intent.CreatedAt)
	if age < giteaDoubt {
		return intent.CreatedAt.Add(giteaDoubt), nil
	}
	login, all, err := f.tokensOf(ctx, intent)
	if err != nil {
		return time.Time{}, s.calledBack(ctx, &f.connection, err)
	}
	for i := range all {
		if all[i].Name != intent.Name {
			continue
		}
		if err := absent(f.Delete(ctx, f.target, login, all[i].ID)); err != nil {
			return time.Time{}, s.calledBack(ctx, &f.connection, err)
		}
		return time.Time{}, s.forgetGiteaIntent(ctx, giteaActor(), intent, "gitea_token.reconcile")
	}
	if age < giteaSure { // a slow server may still be at it
		return intent.CreatedAt.Add(giteaSure), nil
	}
	return time.Time{}, s.forgetGiteaIntent(ctx, giteaActor(), intent, "gitea_token.reconcile")
}

// tokensOf are the tokens of the user of a token, under the login that the user
// has now; none of one who vanished.
func (f *forge) tokensOf(ctx context.Context, is *store.OutsideCredential) (login string, all []gitea.Token, err error) {
	login = is.Login
	_, user, err := is.Numbers()
	if err == nil && user != 0 {
		login, err = f.LoginOf(ctx, f.target, user)
	}
	if err == nil {
		all, err = f.List(ctx, f.target, login)
	}
	return login, all, absent(err)
}

// ageGiteaToken ends a token whose life is over, or has another take over.
func (s *Service) ageGiteaToken(ctx context.Context, f *forge, is *store.OutsideCredential) error {
	now := s.now()
	if is.ExpiresAt.IsZero() || is.ExpiresAt.After(now) {
		if _, err := s.rotateGiteaToken(ctx, giteaActor(), GiteaTokenRotate{ID: is.ID}, false); err != nil {
			return err
		}
		return nil // the end of the overlap has a job of its own
	}
	ending, err := s.intendGiteaDeletion(ctx, giteaActor(), is.ID)
	if err != nil {
		return err
	}
	return s.endGiteaToken(ctx, giteaActor(), f, &ending, "expired")
}
