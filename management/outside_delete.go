package management

import (
	"context"

	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// delete deletes a credential in the system and here. When the system cannot be
// asked now, it is written down that it is to be deleted, and done later.
func (k keeper) delete(ctx context.Context, a Actor, id string) error {
	is, err := k.read(ctx, k.store, a, id)
	if err != nil {
		return err
	}
	w, err := k.openOf(ctx, &is)
	if err != nil {
		return err
	}
	is, err = k.intendDeletion(ctx, a, id)
	if err != nil {
		return err
	}
	if err := k.end(ctx, a, w, &is, "by_person"); err != nil {
		if remote.KindOf(err) == "" {
			return failed(k.name(id), err)
		}
		return remoteFailed(k.name(id)+": it is deleted as soon as the server can be asked", a, err)
	}
	return nil
}

// intendDeletion writes down that a credential is to be deleted.
func (k keeper) intendDeletion(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	what := k.name(id)
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := k.read(ctx, t, a, id)
		if err != nil {
			return is, err
		}
		switch is.State {
		case store.OutsideMaking, store.OutsideRotating:
			return is, refuse(CodeConflict, "%s: %s; try again in some minutes", what, k.busy)
		case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideStranger, store.OutsideDeleting:
		}
		k.record(t, "delete", &is, details{Before: k.facts(&is)})
		if is.State == store.OutsideDeleting { // it has its job already
			return is, nil
		}
		is.State, is.StateAt, is.UpdatedAt = store.OutsideDeleting, t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		return is, t.Enqueue(ctx, store.OutsideJob(&is, t.Now().Add(outsideLater)))
	})
	return out, err
}

// end deletes a credential in the system, by its id, and forgets it.
func (k keeper) end(ctx context.Context, a Actor, w *way, is *store.OutsideCredential, reason string) error {
	lasting, cancel := lastingFor(ctx, k.deleteTime)
	defer cancel()
	if is.RemoteID != "" {
		if err := k.remove(lasting, w, is, func() (credential.Text, error) { return k.secretOf(is) }); err != nil {
			return k.calledBack(lasting, &w.connection, err)
		}
	}
	_, _, err := transact(lasting, k.Service, a, k.name(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, is.System, is.ID, is.Version); err != nil {
			return struct{}{}, err
		}
		k.record(t, "end", is, details{Before: k.facts(is)})
		k.tell(t, "deleted", is, reason)
		return struct{}{}, nil
	})
	if gone(err) { // somebody else was faster
		return nil
	}
	return err
}

// absent takes what is not there for deleted.
func absent(err error) error {
	if remote.KindOf(err) == remote.NotFound {
		return nil
	}
	return err
}
