package management

import (
	"context"
	"time"

	"credence/management/event"
	"credence/management/remote"
	"credence/store"
)

// N8NKeyDelete deletes a key on the server and here. When the server
// cannot be asked now, it is written down that it is to be deleted, and done
// later.
func (s *Service) N8NKeyDelete(ctx context.Context, a Actor, id string) error {
	what := n8nKeyName(id)
	is, err := readN8NKey(ctx, s.store, a, id)
	if err != nil {
		return err
	}
	f, err := s.n8nGateOf(ctx, &is)
	if err != nil {
		return err
	}
	is, err = s.intendN8NDeletion(ctx, a, id)
	if err != nil {
		return err
	}
	if err := s.endN8NKey(ctx, a, f, &is, "by_person"); err != nil {
		if remote.KindOf(err) == "" {
			return failed(what, err)
		}
		return remoteFailed(what+": it is deleted as soon as the server can be asked", a, err)
	}
	return nil
}

// intendN8NDeletion writes down that a key is to be deleted.
func (s *Service) intendN8NDeletion(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	what := n8nKeyName(id)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := readN8NKey(ctx, t, a, id)
		if err != nil {
			return is, err
		}
		switch is.State {
		case store.OutsideMaking, store.OutsideRotating:
			return is, refuse(CodeConflict, "%s: is being made or rotated; try again in some minutes", what)
		case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideStranger, store.OutsideDeleting:
		}
		t.recordN8NKey("n8n_key.delete", &is, details{Before: n8nKeyFacts(&is)})
		if is.State == store.OutsideDeleting { // it has its job already
			return is, nil
		}
		is.State, is.StateAt, is.UpdatedAt = store.OutsideDeleting, t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		return is, t.Enqueue(ctx, store.OutsideJob(&is, t.Now().Add(n8nLater)))
	})
	return out, err
}

// n8nDeleteTime bounds deleting and writing down that it was done, as
// n8nMintTime does making.
const n8nDeleteTime = 50 * time.Second

// removeN8NKey deletes a key at n8n. Versions before 2.27 say of a key that is
// not there, too, that it is deleted, and so does the account of somebody else:
// where the secret is here, that decides.
func (s *Service) removeN8NKey(ctx context.Context, f *n8nGate, is *store.OutsideCredential) error {
	if err := f.Delete(ctx, f.target, is.RemoteID); err != nil || len(is.Secret) == 0 {
		return err
	}
	secret, err := s.n8nSecret(is)
	if err != nil {
		return err
	}
	switch v := f.Verify(ctx, f.target, secret); v.Outcome {
	case remote.Valid, remote.ValidLimited:
		return refuse(CodeConflict, "%s: n8n says that it deleted it, and its secret works there all the same; it is kept: delete it in n8n, in the account that it belongs to", n8nKeyName(is.ID))
	case remote.Invalid, remote.Blocked, remote.Unknown:
	}
	return nil
}

// endN8NKey deletes a key on the server, by its id, and forgets it.
func (s *Service) endN8NKey(ctx context.Context, a Actor, f *n8nGate, is *store.OutsideCredential, reason string) error {
	lasting, cancel := lastingFor(ctx, n8nDeleteTime)
	defer cancel()
	if is.RemoteID != "" {
		if err := s.removeN8NKey(lasting, f, is); err != nil {
			return s.calledBack(lasting, &f.connection, err)
		}
	}
	_, _, err := transact(lasting, s, a, n8nKeyName(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, store.SystemN8N, is.ID, is.Version); err != nil {
			return struct{}{}, err
		}
		t.recordN8NKey("n8n_key.end", is, details{Before: n8nKeyFacts(is)})
		t.tellN8NKey(event.N8NKeyDeleted, is, reason)
		return struct{}{}, nil
	})
	if gone(err) { // somebody else was faster
		return nil
	}
	return err
}
