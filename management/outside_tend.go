package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// When what is due for a credential is looked at again. See outsideWords.doubt,
// too.
const (
	outsideSure   = 10 * time.Minute // then one that is not there was not made
	outsideLater  = 5 * time.Minute  // after the system could not be asked
	outsideLatest = time.Hour        // the longest until something that failed is tried again
)

// tend does what is due for one credential, and answers when to call again; the
// zero time when nothing is left. It may run any number of times.
//
//	making    find out whether it was made; what was is deleted, by id: nobody
//	          holds its secret
//	deleting  delete it
//	rotating  rotate it again: nobody holds the secret that it may have got
//	active    delete it at its end; before that, have another take over in time
func (k keeper) tend(ctx context.Context, id string) (again time.Time, err error) {
	is, err := k.store.OutsideCredential(ctx, k.of, id)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	now := k.now()
	if at := outsideDue(&is); is.Lives() && (at.IsZero() || at.After(now)) {
		return at, nil
	}
	c, err := k.store.Connection(ctx, is.ConnectionID)
	if err != nil {
		return time.Time{}, err
	}
	if !c.Usable() {
		return k.tendAgain(ctx, &is)
	}
	w, err := k.open(c)
	if err != nil {
		return time.Time{}, err
	}
	switch is.State {
	case store.OutsideMaking:
		again, err = k.reconcile(ctx, w, &is)
	case store.OutsideDeleting:
		err = k.end(ctx, k.actor(), w, &is, "by_person")
	case store.OutsideActive, store.OutsideWidened:
		err = k.age(ctx, w, &is)
	case store.OutsideRotating:
		again, err = k.resumeTurn(ctx, &is)
	case store.OutsideMissing, store.OutsideStranger:
	}
	if err != nil {
		//nolint:sloglint // constants of the systems
		k.logger.LogAttrs(ctx, slog.LevelWarn, k.what+" is tended later", slog.String(k.idLog, id), slog.String("state", string(is.State)), slog.Any("error", err))
		return k.tendAgain(ctx, &is)
	}
	return again, nil
}

// tendAgain is when to tend a credential again of which something failed. What
// the attempt has left is not tried again from here: whoever changed its state,
// or has another take over from it, has put a job in the queue for it, and two
// would become more with every failure.
func (k keeper) tendAgain(ctx context.Context, was *store.OutsideCredential) (time.Time, error) {
	is, err := k.store.OutsideCredential(ctx, was.System, was.ID)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	if err == nil && k.overdue(&is) {
		err = k.seeOverdue(ctx, &is)
	}
	if err != nil || is.State != was.State {
		return time.Time{}, err
	}
	now, since := k.now(), is.StateAt
	if is.Lives() {
		since = outsideDue(&is)
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

// tryLater is when to try again what has been due since an instant: after as
// long as it has been due, so that the pauses double, within bounds.
func tryLater(now, since time.Time) time.Time {
	return now.Add(min(max(now.Sub(since), outsideLater), outsideLatest))
}

// reconcile finds out what became of an intent.
func (k keeper) reconcile(ctx context.Context, w *way, intent *store.OutsideCredential) (again time.Time, err error) {
	age := k.now().Sub(intent.CreatedAt)
	if age < k.doubt {
		return intent.CreatedAt.Add(k.doubt), nil
	}
	login, there, err := k.find(ctx, w, intent)
	if err == nil && there != "" {
		err = k.discard(ctx, w, login, there)
	}
	if err != nil {
		return time.Time{}, k.calledBack(ctx, &w.connection, err)
	}
	if there == "" && age < outsideSure { // a slow server may still be at it
		return intent.CreatedAt.Add(outsideSure), nil
	}
	return time.Time{}, k.forgetIntent(ctx, k.actor(), intent, "reconcile")
}

// age ends a credential whose life is over, or has another take over.
func (k keeper) age(ctx context.Context, w *way, is *store.OutsideCredential) error {
	if is.ExpiresAt.IsZero() || is.ExpiresAt.After(k.now()) {
		_, err := k.succeed(ctx, k.actor(), &outsideRotate{id: is.ID}, false)
		return err // the end of the overlap has a job of its own
	}
	ending, err := k.intendDeletion(ctx, k.actor(), is.ID)
	if err != nil {
		return err
	}
	return k.end(ctx, k.actor(), w, &ending, "expired")
}

// overdueAfter is how long a credential may outlive its end before somebody
// must know: until then it was tried to end it several times.
const overdueAfter = time.Hour

// overdue reports whether the life of a credential has been over for so long
// that it should be gone, and the system may still have it.
func (k keeper) overdue(is *store.OutsideCredential) bool {
	there := is.Lives() || is.State == store.OutsideDeleting
	return there && !is.ExpiresAt.IsZero() && k.now().Sub(is.ExpiresAt) >= overdueAfter
}

// seeOverdue makes a finding of a credential that is past its life, once while
// it lasts.
func (k keeper) seeOverdue(ctx context.Context, is *store.OutsideCredential) error {
	_, _, err := transact(ctx, k.Service, k.actor(), k.object(is), func(ctx context.Context, t *transaction) (struct{}, error) {
		return struct{}{}, k.seeCredential(ctx, t, "credential_overdue", store.SeverityHigh, is.Namespace, k.object(is),
			"The life of the "+k.formal+" "+is.Name+" of the "+k.holder+" "+is.Login+" has ended, and "+k.lingers+": it could not be deleted.")
	})
	return err
}

// seeCredential opens a finding about a credential, once while it lasts.
func (s *Service) seeCredential(ctx context.Context, t *transaction, kind string, severity store.Severity, namespace, subject, message string) error {
	id, err := store.NewID(store.AnomalyIDPrefix, t.Now(), s.random)
	if err != nil {
		return err
	}
	found, fresh, err := t.SeeAnomaly(ctx, store.Anomaly{
		ID: id, Type: kind, Severity: severity, State: store.AnomalyOpen, Namespace: namespace, Subject: subject,
		Evidence: store.Evidence{Observed: 1, Message: message}, FirstAt: t.Now(), LastAt: t.Now(), CreatedAt: t.Now(), Version: 1,
	})
	if err == nil && fresh {
		t.recordAnomaly("anomaly.open", &found, details{After: anomalyFacts(&found)})
	}
	return err
}
