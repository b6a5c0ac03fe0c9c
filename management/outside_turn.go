package management

import (
	"context"
	"errors"
	"time"

	"credence/management/remote"
	"credence/store"
)

// rotateInPlace gives a credential another secret.
func (k keeper) rotateInPlace(ctx context.Context, a Actor, in *outsideRotate) (outsideCreated, error) {
	what := k.name(in.id)
	p := &problems{}
	if in.overlap != "" {
		p.add("overlap", "is given for a rotation in place", "leave one of them out: in place, the old secret is refused at once")
	}
	if err := p.err(what); err != nil {
		return outsideCreated{}, err
	}
	old, err := k.read(ctx, k.store, a, in.id)
	if err != nil {
		return outsideCreated{}, err
	}
	w, err := k.openOf(ctx, &old)
	if err != nil {
		return outsideCreated{}, err
	}
	system, err := k.turning(what)
	if err == nil {
		err = system.canTurn(ctx, w, what)
	}
	if err != nil {
		return outsideCreated{}, k.callFailed(ctx, what, a, w, err)
	}
	intent, err := k.intendTurn(ctx, a, in)
	if err != nil {
		return outsideCreated{}, err
	}
	return k.turn(ctx, a, w, intent, &in.idempotency)
}

// turning is the system as one that gives a credential another secret.
func (k keeper) turning(what string) (inPlace, error) {
	if system, ok := k.outsideSystem.(inPlace); ok {
		return system, nil
	}
	return nil, refuse(CodeConflict, "%s: the system cannot give it another secret; rotate it with an overlap", what)
}

// intendTurn writes down that a credential is about to get another secret, and
// has somebody look what became of it.
func (k keeper) intendTurn(ctx context.Context, a Actor, in *outsideRotate) (store.OutsideCredential, error) {
	what := k.name(in.id)
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, c, err := k.toRotate(ctx, t, a, in.id)
		if err != nil {
			return is, err
		}
		// It stays the same, with the end that it has; where the policy wants one
		// and it has none, it gets one here.
		p, anew := &problems{now: t.Now()}, is
		anew.CreatedAt = t.Now()
		k.checkScopes(p, &c, is.Scopes)
		if err := k.keepPolicy(ctx, t, p, &anew); err != nil {
			return is, err
		}
		if err := p.err(what); err != nil {
			return is, err
		}
		is.ExpiresAt = anew.ExpiresAt
		is.State, is.StateAt, is.UpdatedAt = store.OutsideRotating, t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		k.record(t, "request", &is, details{After: k.facts(&is)})
		return is, errors.Join(t.Enqueue(ctx, store.OutsideJob(&is, t.Now().Add(k.doubt))), t.remember(ctx, in.idempotency, is.ID))
	})
	return out, err
}

// turn gives the credential of an intent another secret. Of is the request of
// who waits for it; nil when the job does it again, after an answer that was
// lost. That the system refuses the job says nothing of the first call: it may
// have made a secret that nobody has, so it stays an intent until there is one.
func (k keeper) turn(ctx context.Context, a Actor, w *way, intent store.OutsideCredential, of *Idempotency) (outsideCreated, error) {
	what := k.name(intent.ID)
	system, err := k.turning(what)
	if err != nil {
		return outsideCreated{}, err
	}
	lasting, cancel := lastingFor(ctx, k.mintTime)
	defer cancel()
	made, err := system.turn(lasting, w, &intent)
	if err != nil {
		e, ok := errors.AsType[*remote.Error](err)
		out := k.callFailed(lasting, what, a, w, err)
		if !ok || e.Uncertain || of == nil {
			return outsideCreated{}, out
		}
		return outsideCreated{}, errors.Join(out, k.setRefused(lasting, a, &intent, of))
	}
	collected := of != nil && ctx.Err() == nil // else nobody is there to get it
	is, err := k.setTurned(lasting, a, &intent, &made, collected)
	if err != nil && !gone(err) {
		is, err = k.setTurned(lasting, a, &intent, &made, collected) // once more: the secret is here and nowhere else
	}
	if err != nil {
		return outsideCreated{}, err
	}
	return handedOut(ctx, what, is, &made)
}

// setTurned ends a rotation in place with the new secret.
func (k keeper) setTurned(ctx context.Context, a Actor, intent *store.OutsideCredential, made *outsideMade, collected bool) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, k.Service, a, k.name(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, intent.System, intent.ID)
		if err == nil && is.State == store.OutsideActive && is.Version == intent.Version+1 && is.Ending == made.ending {
			return is, nil // it was written down, and nobody heard
		}
		if err == nil {
			err = stillTurning(&is, intent)
		}
		if err != nil {
			return is, err
		}
		before := is
		sealed, err := k.store.Seal([]byte(made.secret.Reveal()), store.OutsideAssociatedData(&is))
		if err != nil {
			return is, err
		}
		is.State, is.StateAt = store.OutsideActive, t.Now()
		is.Secret, is.SecretAt, is.Ending, is.CollectedAt = sealed, t.Now(), made.ending, time.Time{}
		if collected {
			is.CollectedAt = t.Now()
		}
		if is, err = k.update(ctx, t, is); err != nil {
			return is, err
		}
		k.record(t, "rotate", &is, k.changed(&before, &is))
		t.emit(k.event("rotated"), is.Namespace, k.rotationEvent(&before, &is, t.Now(), t.actor.ID))
		return is, nil
	})
	return out, err
}

// setRefused ends a rotation in place that the system refused: the credential
// is as it was, and the request made nothing, so that its repetition tries
// again.
func (k keeper) setRefused(ctx context.Context, a Actor, intent *store.OutsideCredential, of *Idempotency) error {
	_, _, err := transact(ctx, k.Service, a, k.name(intent.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		before, err := t.OutsideCredential(ctx, intent.System, intent.ID)
		if err == nil {
			err = stillTurning(&before, intent)
		}
		if err != nil {
			return struct{}{}, err
		}
		is := before
		is.State, is.StateAt = store.OutsideActive, t.Now()
		if is, err = k.update(ctx, t, is); err != nil {
			return struct{}{}, err
		}
		k.record(t, "refuse", &is, k.changed(&before, &is))
		if of.Key == "" {
			return struct{}{}, nil
		}
		return struct{}{}, t.ForgetIdempotency(ctx, t.actor.ID, of.Key)
	})
	return err
}

// stillTurning refuses to end a rotation in place that another attempt has
// taken over.
func stillTurning(is, intent *store.OutsideCredential) error {
	if is.State != store.OutsideRotating || is.Version != intent.Version {
		return store.ErrStale
	}
	return nil
}

// resumeTurn does a rotation again whose end nobody knows: the secret waits to
// be fetched. Of two jobs that would do it at once, the second would end the
// secret of the first, whichever is written down last: so an attempt is taken
// first, and who finds it taken comes back when it must be over.
func (k keeper) resumeTurn(ctx context.Context, intent *store.OutsideCredential) (again time.Time, err error) {
	if age := k.now().Sub(intent.UpdatedAt); age < k.doubt {
		return intent.UpdatedAt.Add(k.doubt), nil
	}
	taken, err := k.takeTurn(ctx, intent)
	if gone(err) {
		return time.Time{}, nil // the other one says when to call again
	}
	if err != nil {
		return time.Time{}, err
	}
	w, err := k.openOf(ctx, &taken)
	if err != nil {
		return time.Time{}, err
	}
	_, err = k.turn(ctx, k.actor(), w, taken, nil)
	return time.Time{}, err
}

// takeTurn writes down that the rotation is tried again from now on.
func (k keeper) takeTurn(ctx context.Context, intent *store.OutsideCredential) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, k.Service, k.actor(), k.name(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is := *intent
		is.UpdatedAt = t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		k.record(t, "request", &is, details{After: k.facts(&is)})
		return is, nil
	})
	return out, err
}
