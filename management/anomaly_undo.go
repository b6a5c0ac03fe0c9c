package management

import (
	"context"
	"errors"

	"credence/management/anomaly"
	"credence/store"
)

// AnomalyUndo takes back what was done about a finding: the key has all of its
// rates, is let in again, the address is no longer refused. What somebody has
// changed since stays as it is. Nothing more is done about the finding while
// it lasts.
func (s *Service) AnomalyUndo(ctx context.Context, a Actor, in AnomalyChange) (store.Anomaly, error) {
	what := "anomaly " + quoted(in.ID)
	p := &problems{}
	note := p.text("note", in.Note, 0, maxReason)
	if err := p.err(what); err != nil {
		return store.Anomaly{}, err
	}
	changed, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Anomaly, error) {
		found, err := readAnomaly(ctx, t, a, in.ID)
		if err != nil {
			return found, err
		}
		undone := false
		for i := range found.Actions {
			done := &found.Actions[i]
			if !done.Done() || !done.UndoneAt.IsZero() {
				continue
			}
			if err := t.takeBack(ctx, &found, done); err != nil {
				return found, err
			}
			done.UndoneAt, done.UndoneBy, undone = t.Now(), a.ID, true
		}
		if !undone {
			return found, nil
		}
		if err := t.UpdateAnomaly(ctx, found); err != nil {
			return found, err
		}
		found.Version++
		t.recordAnomaly("anomaly.undo", &found, details{After: facts{"note": note}})
		return found, nil
	})
	return changed, err
}

// takeBack undoes one action.
func (t *transaction) takeBack(ctx context.Context, found *store.Anomaly, done *store.AnomalyAction) error {
	if done.Action == anomaly.ActionBlacklist {
		return t.takeBackRule(ctx, done)
	}
	k, err := t.Key(ctx, found.KeyID)
	if err != nil {
		return err
	}
	var action string
	after := k
	switch {
	case done.Action == anomaly.ActionThrottle && k.Throttle == done.Share && k.Status != store.StatusPurged:
		action, after.Throttle = "key.unthrottle", 0
	case done.Action == anomaly.ActionSuspend && k.Status == store.StatusSuspended && k.StatusAt.Equal(done.At):
		action, after.Status, after.StatusReason, after.StatusAt = "key.enable", store.StatusActive, "", t.Now()
	default: // somebody has decided otherwise since
		return nil
	}
	_, err = t.updateKey(ctx, action, after, changedFacts(keyFacts(&k), keyFacts(&after)))
	return err
}

// takeBackRule removes the rule, if it is there still.
func (t *transaction) takeBackRule(ctx context.Context, done *store.AnomalyAction) error {
	if err := mayBlacklist(t.actor, "", false); err != nil {
		return err
	}
	r, err := t.BlacklistRule(ctx, done.RuleID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.DeleteBlacklistRule(ctx, r); err != nil {
		return err
	}
	t.recordRule("blacklist.remove", &r, details{Before: ruleFacts(&r)})
	return nil
}
