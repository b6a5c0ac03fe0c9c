package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// n8nMintTime bounds asking n8n, with a login where one is needed, and writing
// down what it answered.
const n8nMintTime = 50 * time.Second

// mintN8NKey makes the key that was written down as an intent.
// collected: the caller gets the secret. It goes on when the caller leaves: a
// secret that nobody holds is of no use to anybody.
func (s *Service) mintN8NKey(ctx context.Context, a Actor, f *n8nGate, intent store.OutsideCredential, collected bool) (store.OutsideCredential, credential.Text, error) {
	what := n8nKeyName(intent.Name)
	lasting, cancel := lastingFor(ctx, n8nMintTime)
	defer cancel()
	made, err := f.Create(lasting, f.target, n8n.Spec{Label: intent.Name, Scopes: intent.Scopes, ExpiresAt: intent.ExpiresAt})
	if err != nil {
		return store.OutsideCredential{}, credential.Text{}, s.unmadeN8NKey(lasting, a, what, f, &intent, err)
	}
	collected = collected && ctx.Err() == nil // else nobody is there to get it
	is, err := s.settleN8NKey(lasting, a, &intent, &made, collected)
	if err != nil && !gone(err) {
		is, err = s.settleN8NKey(lasting, a, &intent, &made, collected) // once more: the secret is here and nowhere else
	}
	if err != nil {
		// It is deleted unless it may have been written down: then, or if this
		// fails, the job finds what is left.
		switch there, unread := s.store.OutsideCredential(lasting, store.SystemN8N, intent.ID); {
		case unread == nil && there.RemoteID == made.Key.ID:
		case unread == nil || errors.Is(unread, store.ErrNotFound):
			err = errors.Join(err, f.Delete(lasting, f.target, made.Key.ID))
		}
		return store.OutsideCredential{}, credential.Text{}, err
	}
	if !is.CollectedAt.IsZero() {
		return is, made.Secret, nil
	}
	return is, credential.Text{}, awaited(ctx, what)
}

// unmadeN8NKey takes an intent back that was refused. When it cannot be
// told, the intent stays until the job has looked.
func (s *Service) unmadeN8NKey(ctx context.Context, a Actor, what string, f *n8nGate, intent *store.OutsideCredential, err error) error {
	e, ok := errors.AsType[*remote.Error](err)
	out := s.n8nFailed(ctx, what, a, f, err)
	if !ok || e.Uncertain || e.Kind == remote.NameConflict {
		if m, ok := errors.AsType[*Error](out); ok {
			m.Message = what + ": it is not known whether it was made; what is left of it is removed within minutes, so that it can be made anew"
		}
		return out
	}
	return errors.Join(out, s.forgetN8NIntent(ctx, a, intent, "n8n_key.refuse"))
}

// forgetN8NIntent removes an intent that became nothing, and frees the key
// that it was to take over from.
func (s *Service) forgetN8NIntent(ctx context.Context, a Actor, intent *store.OutsideCredential, action string) error {
	_, _, err := transact(ctx, s, a, n8nKeyName(intent.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, store.SystemN8N, intent.ID, intent.Version); err != nil {
			return struct{}{}, err
		}
		t.recordN8NKey(action, intent, details{Before: n8nKeyFacts(intent)})
		if intent.Predecessor == "" {
			return struct{}{}, nil
		}
		before, err := t.OutsideCredential(ctx, store.SystemN8N, intent.Predecessor)
		if errors.Is(err, store.ErrNotFound) || err == nil && before.Successor != intent.ID {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		before.Successor, before.UpdatedAt = "", t.Now()
		if err := t.UpdateOutsideCredential(ctx, before); err != nil {
			return struct{}{}, err
		}
		at := n8nKeyDue(&before)
		if at.IsZero() || action == "n8n_key.refuse" && a.ID == n8nActor().ID {
			return struct{}{}, nil // the job that was refused says itself when to try again
		}
		if soon := t.Now().Add(n8nLater); at.Before(soon) {
			at = soon
		}
		return struct{}{}, t.Enqueue(ctx, store.OutsideJob(&before, at))
	})
	if gone(err) {
		return nil
	}
	return err
}

// settleN8NKey writes down that the key was made.
func (s *Service) settleN8NKey(ctx context.Context, a Actor, intent *store.OutsideCredential, made *n8n.Made, collected bool) (store.OutsideCredential, error) {
	sealed, err := s.store.Seal([]byte(made.Secret.Reveal()), store.OutsideAssociatedData(intent))
	if err != nil {
		return store.OutsideCredential{}, err
	}
	out, _, err := transact(ctx, s, a, n8nKeyName(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, store.SystemN8N, intent.ID)
		if err == nil && is.State == store.OutsideActive && is.RemoteID == made.Key.ID {
			return is, nil // it was written down, and nobody heard
		}
		if err == nil && is.State != store.OutsideMaking {
			err = store.ErrStale
		}
		if err != nil {
			return is, fmt.Errorf("the intent: %w", err)
		}
		is.RemoteID, is.UserID, is.Scopes, is.Ending, is.Secret = made.Key.ID, made.Key.UserID, made.Key.Scopes, made.Key.Last4, sealed
		is.State, is.StateAt, is.SecretAt = store.OutsideActive, t.Now(), t.Now()
		if collected {
			is.CollectedAt = t.Now()
		}
		if is, err = t.updateN8NKey(ctx, is); err != nil {
			return is, err
		}
		t.recordN8NKey("n8n_key.create", &is, details{After: n8nKeyFacts(&is)})
		t.tellN8NKey(event.N8NKeyCreated, &is, "")
		return is, t.overlapN8NKey(ctx, &is)
	})
	return out, err
}

// overlapN8NKey has the key before this one end after the overlap.
func (t *transaction) overlapN8NKey(ctx context.Context, successor *store.OutsideCredential) error {
	if successor.Predecessor == "" {
		return nil
	}
	before, err := t.OutsideCredential(ctx, store.SystemN8N, successor.Predecessor)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	after := before
	if end := t.Now().Add(before.Overlap); after.ExpiresAt.IsZero() || end.Before(after.ExpiresAt) {
		after.ExpiresAt = end
	}
	if after, err = t.updateN8NKey(ctx, after); err != nil {
		return err
	}
	t.recordN8NKey("n8n_key.rotate", &after, changedFacts(n8nKeyFacts(&before), n8nKeyFacts(&after)))
	t.emit(event.N8NKeyRotated, after.Namespace, event.N8NKeyRotation{
		Key: eventN8NKey(&after), Successor: eventN8NKey(successor), EndsAt: after.ExpiresAt,
		Waits: successor.CollectedAt.IsZero(), Actor: t.actor.ID,
	})
	return nil
}
