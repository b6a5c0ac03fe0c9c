package management

import (
	"context"
	"errors"

	"credence/store"
)

// outsideRotate asks for a successor, or for another secret.
type outsideRotate struct {
	id      string
	overlap string // how long the old one lives on; a Go duration, "" as it says
	// inPlace gives the same credential another secret: the old one is refused at
	// once.
	inPlace bool

	idempotency Idempotency
}

// rotate makes a credential that takes over from another, for the same account
// and with the same scopes. The old one is deleted when the overlap is over.
func (k keeper) rotate(ctx context.Context, a Actor, in *outsideRotate) (outsideCreated, error) {
	replayed, err := k.replayed(ctx, a, k.name(in.id), in.idempotency)
	if err != nil || replayed.replayed {
		return replayed, err
	}
	if in.inPlace {
		return k.rotateInPlace(ctx, a, in)
	}
	return k.succeed(ctx, a, in, true)
}

// succeed makes the successor; collected: the caller gets the secret.
func (k keeper) succeed(ctx context.Context, a Actor, in *outsideRotate, collected bool) (outsideCreated, error) {
	what := k.name(in.id)
	old, err := k.read(ctx, k.store, a, in.id)
	if err != nil {
		return outsideCreated{}, err
	}
	w, err := k.openOf(ctx, &old)
	if err != nil {
		return outsideCreated{}, err
	}
	login, _, err := k.account(ctx, w, what, &old)
	if err != nil {
		return outsideCreated{}, k.callFailed(ctx, what, a, w, err)
	}
	intent, err := k.intendSuccessor(ctx, a, in, login)
	if err != nil {
		return outsideCreated{}, err
	}
	return k.mint(ctx, a, w, intent, collected)
}

// intendSuccessor writes down that a credential is about to be made that takes
// over from another.
func (k keeper) intendSuccessor(ctx context.Context, a Actor, in *outsideRotate, login string) (store.OutsideCredential, error) {
	what := k.name(in.id)
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		old, c, err := k.toRotate(ctx, t, a, in.id)
		if err != nil {
			return old, err
		}
		p := &problems{now: t.Now()}
		if in.overlap != "" {
			old.Overlap = p.overlap(in.overlap)
		}
		p.idempotencyKey(in.idempotency)
		k.checkLogin(p, &c, login)
		k.checkScopes(p, &c, old.Scopes)
		intent, err := k.successorOf(ctx, t, a, &old, login)
		if err != nil {
			return old, err
		}
		if err := k.keepPolicy(ctx, t, p, &intent); err != nil {
			return old, err
		}
		if err := p.err(what); err != nil {
			return old, err
		}
		if intent, err = k.insertIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		old.Successor, old.UpdatedAt = intent.ID, t.Now()
		if err := t.UpdateOutsideCredential(ctx, old); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.idempotency, intent.ID)
	})
	return out, err
}

// successorOf is the intent of what takes over from another.
func (k keeper) successorOf(ctx context.Context, t *transaction, a Actor, old *store.OutsideCredential, login string) (store.OutsideCredential, error) {
	intent := store.OutsideCredential{
		System: old.System, ConnectionID: old.ConnectionID, Namespace: old.Namespace, Name: unsuffixed(old.Name), Login: login, UserID: old.UserID,
		Scopes: old.Scopes, Owner: old.Owner, Description: old.Description, State: store.OutsideMaking, StateAt: t.Now(),
		RotateEvery: old.RotateEvery, Overlap: old.Overlap, Predecessor: old.ID,
		CreatedBy: a.ID, CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	if !old.ExpiresAt.IsZero() { // as long a life as the old one had
		intent.ExpiresAt = t.Now().Add(old.ExpiresAt.Sub(old.CreatedAt)).Truncate(k.grain)
	}
	if a.ID != k.actor().ID {
		return intent, nil
	}
	var err error
	intent.ExpiresAt, err = t.clipLife(ctx, intent.Namespace, intent.ExpiresAt)
	return intent, err
}

// toRotate reads a credential and its connection, and refuses to rotate what is
// not there, or was already.
func (k keeper) toRotate(ctx context.Context, t *transaction, a Actor, id string) (is store.OutsideCredential, c store.Connection, err error) {
	if is, err = k.read(ctx, t, a, id); err != nil {
		return is, c, err
	}
	if c, err = t.Connection(ctx, is.ConnectionID); err != nil {
		return is, c, err
	}
	switch err = usable(&c); {
	case is.State != store.OutsideActive:
		err = errors.Join(err, refuse(CodeConflict, "%s: is %s; only an active %s is rotated", k.name(id), is.State, k.noun))
	case is.Successor != "":
		err = errors.Join(err, refuse(CodeConflict, "%s: %s takes over from it already; rotate that one", k.name(id), is.Successor))
	}
	return is, c, err
}
