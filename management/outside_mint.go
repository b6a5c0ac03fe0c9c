package management

import (
	"context"
	"errors"
	"fmt"

	"credence/management/remote"
	"credence/store"
)

// mint makes the credential that was written down as an intent. collected: the
// caller gets the secret. It goes on when the caller leaves: a secret that
// nobody holds is of no use to anybody.
func (k keeper) mint(ctx context.Context, a Actor, w *way, intent store.OutsideCredential, collected bool) (outsideCreated, error) {
	what := k.name(intent.Name)
	lasting, cancel := lastingFor(ctx, k.mintTime)
	defer cancel()
	made, err := k.create(lasting, w, &intent)
	if err != nil {
		return outsideCreated{}, k.unmade(lasting, a, what, w, &intent, err)
	}
	collected = collected && ctx.Err() == nil // else nobody is there to get it
	is, err := k.settle(lasting, a, &intent, &made, collected)
	if err != nil && !gone(err) {
		is, err = k.settle(lasting, a, &intent, &made, collected) // once more: the secret is here and nowhere else
	}
	if err != nil {
		// It is deleted unless it may have been written down: then, or if this
		// fails, the job finds what is left.
		switch there, unread := k.store.OutsideCredential(lasting, intent.System, intent.ID); {
		case unread == nil && there.RemoteID == made.remoteID:
		case unread == nil || errors.Is(unread, store.ErrNotFound):
			err = errors.Join(err, k.discard(lasting, w, intent.Login, made.remoteID))
		}
		return outsideCreated{}, err
	}
	return handedOut(ctx, what, is, &made)
}

// handedOut is the answer to who asked for a secret that was made and written
// down.
func handedOut(ctx context.Context, what string, is store.OutsideCredential, made *outsideMade) (outsideCreated, error) {
	if !is.CollectedAt.IsZero() {
		return outsideCreated{is: is, secret: made.secret}, nil
	}
	if err := ctx.Err(); err != nil { // and nobody waits any more
		return outsideCreated{is: is}, &Error{Code: CodeUnavailable, Message: what + ": it was made, and its secret waits to be collected", cause: err}
	}
	return outsideCreated{is: is}, nil
}

// unmade takes an intent back that was refused. When it cannot be told, the
// intent stays until the job has looked.
func (k keeper) unmade(ctx context.Context, a Actor, what string, w *way, intent *store.OutsideCredential, err error) error {
	e, ok := errors.AsType[*remote.Error](err)
	out := k.callFailed(ctx, what, a, w, err)
	if !ok || e.Uncertain {
		if m, ok := errors.AsType[*Error](out); ok {
			m.Message = what + ": it is not known whether it was made; what is left of it is removed within minutes, so that it can be made anew"
		}
		return out
	}
	return errors.Join(out, k.forgetIntent(ctx, a, intent, "refuse"))
}

// forgetIntent removes an intent that became nothing, and frees the credential
// that it was to take over from.
func (k keeper) forgetIntent(ctx context.Context, a Actor, intent *store.OutsideCredential, verb string) error {
	_, _, err := transact(ctx, k.Service, a, k.name(intent.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, intent.System, intent.ID, intent.Version); err != nil {
			return struct{}{}, err
		}
		k.record(t, verb, intent, details{Before: k.facts(intent)})
		if intent.Predecessor == "" {
			return struct{}{}, nil
		}
		before, err := t.OutsideCredential(ctx, intent.System, intent.Predecessor)
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
		at := outsideDue(&before)
		if at.IsZero() || verb == "refuse" && a.ID == k.actor().ID {
			return struct{}{}, nil // the job that was refused says itself when to try again
		}
		if soon := t.Now().Add(outsideLater); at.Before(soon) {
			at = soon
		}
		return struct{}{}, t.Enqueue(ctx, store.OutsideJob(&before, at))
	})
	if gone(err) {
		return nil
	}
	return err
}

// settle writes down that the credential was made.
func (k keeper) settle(ctx context.Context, a Actor, intent *store.OutsideCredential, made *outsideMade, collected bool) (store.OutsideCredential, error) {
	sealed, err := k.store.Seal([]byte(made.secret.Reveal()), store.OutsideAssociatedData(intent))
	if err != nil {
		return store.OutsideCredential{}, err
	}
	out, _, err := transact(ctx, k.Service, a, k.name(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, intent.System, intent.ID)
		if err == nil && is.State == store.OutsideActive && is.RemoteID == made.remoteID {
			return is, nil // it was written down, and nobody heard
		}
		if err == nil && is.State != store.OutsideMaking {
			err = store.ErrStale
		}
		if err != nil {
			return is, fmt.Errorf("the intent: %w", err)
		}
		is.RemoteID, is.UserID, is.Scopes, is.Ending, is.Secret = made.remoteID, made.userID, made.scopes, made.ending, sealed
		is.State, is.StateAt, is.SecretAt = store.OutsideActive, t.Now(), t.Now()
		if collected {
			is.CollectedAt = t.Now()
		}
		if is, err = k.update(ctx, t, is); err != nil {
			return is, err
		}
		k.record(t, "create", &is, details{After: k.facts(&is)})
		k.tell(t, "created", &is, "")
		return is, k.overlap(ctx, t, &is)
	})
	return out, err
}

// overlap has the credential before this one end after the overlap.
func (k keeper) overlap(ctx context.Context, t *transaction, successor *store.OutsideCredential) error {
	if successor.Predecessor == "" {
		return nil
	}
	before, err := t.OutsideCredential(ctx, successor.System, successor.Predecessor)
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
	if after, err = k.update(ctx, t, after); err != nil {
		return err
	}
	k.record(t, "rotate", &after, k.changed(&before, &after))
	t.emit(k.event("rotated"), after.Namespace, k.rotationEvent(&after, successor, after.ExpiresAt, t.actor.ID))
	return nil
}
