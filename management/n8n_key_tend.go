package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// When what is due for a key is looked at again.
const (
	n8nDoubt = 3 * time.Minute  // after an intent: longer than making a key may take
	n8nSure  = 10 * time.Minute // then a key that is not there was not made
	n8nLater = 5 * time.Minute  // after the server could not be asked
)

// N8NKeyTend does what is due for one key, and answers when to call
// again; the zero time when nothing is left. It may run any number of times.
//
//	making    find out whether it was made; what was is deleted, by id: nobody
//	          holds its secret
//	deleting  delete it
//	rotating  rotate it again: nobody holds the secret that it may have got
//	active    delete it at its end; before that, have another take over in time
func (s *Service) N8NKeyTend(ctx context.Context, id string) (again time.Time, err error) {
	is, err := s.store.OutsideCredential(ctx, store.SystemN8N, id)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	now := s.now()
	if at := n8nKeyDue(&is); is.Lives() && (at.IsZero() || at.After(now)) {
		return at, nil
	}
	c, err := s.store.Connection(ctx, is.ConnectionID)
	if err != nil {
		return time.Time{}, err
	}
	if !c.Usable() {
		return s.n8nKeyAgain(ctx, &is)
	}
	f, err := s.n8nGate(c)
	if err != nil {
		return time.Time{}, err
	}
	switch is.State {
	case store.OutsideMaking:
		again, err = s.reconcileN8NKey(ctx, f, &is)
	case store.OutsideDeleting:
		err = s.endN8NKey(ctx, n8nActor(), f, &is, "by_person")
	case store.OutsideActive, store.OutsideWidened:
		err = s.ageN8NKey(ctx, f, &is)
	case store.OutsideRotating:
		again, err = s.resumeN8NRotation(ctx, &is)
	case store.OutsideMissing, store.OutsideStranger:
	}
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "n8n key is tended later", slog.String("n8n_key", id), slog.String("state", string(is.State)), slog.Any("error", err))
		return s.n8nKeyAgain(ctx, &is)
	}
	return again, nil
}

// n8nKeyAgain is when to tend a key again of which something failed. What
// the attempt has left is not tried again from here: whoever changed its state,
// or has another take over from it, has put a job in the queue for it, and two
// would become more with every failure.
func (s *Service) n8nKeyAgain(ctx context.Context, was *store.OutsideCredential) (time.Time, error) {
	is, err := s.store.OutsideCredential(ctx, was.System, was.ID)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err == nil && s.overdue(is.ExpiresAt, is.Lives() || is.State == store.OutsideDeleting) {
		err = s.seeOverdue(ctx, n8nActor(), is.Namespace, "n8n_key:"+is.ID,
			"The life of the API key "+is.Name+" of the n8n account "+is.Login+" has ended, and n8n may still have it: it could not be deleted.")
	}
	if err != nil || is.State != was.State {
		return time.Time{}, err
	}
	now, since := s.now(), is.StateAt
	if is.Lives() {
		since = n8nKeyDue(&is)
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

// reconcileN8NKey finds out what became of an intent.
func (s *Service) reconcileN8NKey(ctx context.Context, f *n8nGate, intent *store.OutsideCredential) (again time.Time, err error) {
	age := s.now().Sub(intent.CreatedAt)
	if age < n8nDoubt {
		return intent.CreatedAt.Add(n8nDoubt), nil
	}
	all, err := f.List(ctx, f.target)
	if err != nil {
		return time.Time{}, s.calledBack(ctx, &f.connection, err)
	}
	for i := range all {
		if all[i].Label != intent.Name {
			continue
		}
		if err := f.Delete(ctx, f.target, all[i].ID); err != nil {
			return time.Time{}, s.calledBack(ctx, &f.connection, err)
		}
		return time.Time{}, s.forgetN8NIntent(ctx, n8nActor(), intent, "n8n_key.reconcile")
	}
	if age < n8nSure { // a slow server may still be at it
		return intent.CreatedAt.Add(n8nSure), nil
	}
	return time.Time{}, s.forgetN8NIntent(ctx, n8nActor(), intent, "n8n_key.reconcile")
}

// ageN8NKey ends a key whose life is over, or has another take over.
func (s *Service) ageN8NKey(ctx context.Context, f *n8nGate, is *store.OutsideCredential) error {
	now := s.now()
	if is.ExpiresAt.IsZero() || is.ExpiresAt.After(now) {
		if _, err := s.rotateN8NKey(ctx, n8nActor(), N8NKeyRotate{ID: is.ID}, false); err != nil {
			return err
		}
		return nil // the end of the overlap has a job of its own
	}
	ending, err := s.intendN8NDeletion(ctx, n8nActor(), is.ID)
	if err != nil {
		return err
	}
	return s.endN8NKey(ctx, n8nActor(), f, &ending, "expired")
}
