package management

import (
	"context"
	"errors"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// N8NKeyRotate is the input of [Service.N8NKeyRotate].
type N8NKeyRotate struct {
	ID      string
	Overlap string // how long the old one lives on; a Go duration, "" as the key says
	// InPlace gives the same key another secret, where the version can: the old
	// one is refused at once.
	InPlace bool

	Idempotency Idempotency
}

// N8NKeyRotate makes a key that takes over from another, with the same
// scopes. The old one is deleted when the overlap is over.
func (s *Service) N8NKeyRotate(ctx context.Context, a Actor, in N8NKeyRotate) (N8NKeyCreated, error) {
	what := n8nKeyName(in.ID)
	replayed, err := s.n8nReplayed(ctx, a, what, in.Idempotency)
	if err != nil || replayed.Replayed {
		return replayed, err
	}
	if in.InPlace {
		return s.rotateN8NInPlace(ctx, a, &in)
	}
	return s.rotateN8NKey(ctx, a, in, true)
}

// rotateN8NKey rotates; collected: the caller gets the secret.
func (s *Service) rotateN8NKey(ctx context.Context, a Actor, in N8NKeyRotate, collected bool) (N8NKeyCreated, error) {
	old, err := readN8NKey(ctx, s.store, a, in.ID)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	f, err := s.n8nGateOf(ctx, &old)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	intent, err := s.intendN8NRotation(ctx, a, in)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	made, secret, err := s.mintN8NKey(ctx, a, f, intent, collected)
	return N8NKeyCreated{Key: made, Secret: secret}, err
}

// intendN8NRotation writes down that a key is about to be made that takes
// over from another.
func (s *Service) intendN8NRotation(ctx context.Context, a Actor, in N8NKeyRotate) (store.OutsideCredential, error) {
	what := n8nKeyName(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		old, err := readN8NKey(ctx, t, a, in.ID)
		if err != nil {
			return old, err
		}
		c, err := t.Connection(ctx, old.ConnectionID)
		if err != nil {
			return old, err
		}
		p := &problems{now: t.Now()}
		if in.Overlap != "" {
			old.Overlap = p.overlap(in.Overlap)
		}
		p.idempotencyKey(in.Idempotency)
		p.n8nScopes(&c, old.Scopes)
		if err := errors.Join(usable(&c), rotatableN8NKey(&old)); err != nil {
			return old, err
		}
		intent := store.OutsideCredential{
			System: old.System, ConnectionID: old.ConnectionID, Namespace: old.Namespace, Name: giteaBase(old.Name), Login: c.Account, UserID: old.UserID,
			Scopes: old.Scopes, Owner: old.Owner, Description: old.Description, State: store.OutsideMaking, StateAt: t.Now(),
			RotateEvery: old.RotateEvery, Overlap: old.Overlap, Predecessor: old.ID,
			CreatedBy: a.ID, CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
		}
		if !old.ExpiresAt.IsZero() { // as long a life as the old one had
			intent.ExpiresAt = t.Now().Add(old.ExpiresAt.Sub(old.CreatedAt)).Truncate(time.Second)
		}
		if a.ID == n8nActor().ID {
			if intent.ExpiresAt, err = t.clipLife(ctx, intent.Namespace, intent.ExpiresAt); err != nil {
				return old, err
			}
		}
		if err := t.keepN8NPolicy(ctx, p, &intent); err != nil {
			return old, err
		}
		if err := p.err(what); err != nil {
			return old, err
		}
		if intent, err = s.insertN8NIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		old.Successor, old.UpdatedAt = intent.ID, t.Now()
		if err := t.UpdateOutsideCredential(ctx, old); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.Idempotency, intent.ID)
	})
	return out, err
}

// rotatableN8NKey refuses to rotate what is not there, or was already.
func rotatableN8NKey(t *store.OutsideCredential) error {
	switch {
	case t.State != store.OutsideActive:
		return refuse(CodeConflict, "%s: is %s; only an active key is rotated", n8nKeyName(t.ID), t.State)
	case t.Successor != "":
		return refuse(CodeConflict, "%s: %s takes over from it already; rotate that one", n8nKeyName(t.ID), t.Successor)
	}
	return nil
}

// rotateN8NInPlace gives a key another secret.
func (s *Service) rotateN8NInPlace(ctx context.Context, a Actor, in *N8NKeyRotate) (N8NKeyCreated, error) {
	what := n8nKeyName(in.ID)
	p := &problems{}
	if in.Overlap != "" {
		p.add("overlap", "is given for a rotation in place", "leave one of them out: in place, the old secret is refused at once")
	}
	if err := p.err(what); err != nil {
		return N8NKeyCreated{}, err
	}
	old, err := readN8NKey(ctx, s.store, a, in.ID)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	f, err := s.n8nGateOf(ctx, &old)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	switch can, err := f.CanRotate(ctx, f.target); {
	case err != nil:
		return N8NKeyCreated{}, s.n8nFailed(ctx, what, a, f, err)
	case !can:
		return N8NKeyCreated{}, refuse(CodeConflict, "%s: this n8n cannot give a key another secret before 2.28; rotate it with an overlap", what)
	}
	intent, err := s.intendN8NInPlace(ctx, a, in)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	made, secret, err := s.turnN8NKey(ctx, a, f, intent, &in.Idempotency)
	return N8NKeyCreated{Key: made, Secret: secret}, err
}

// intendN8NInPlace writes down that a key is about to get another secret, and
// has somebody look what became of it.
func (s *Service) intendN8NInPlace(ctx context.Context, a Actor, in *N8NKeyRotate) (store.OutsideCredential, error) {
	what := n8nKeyName(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := readN8NKey(ctx, t, a, in.ID)
		if err != nil {
			return is, err
		}
		c, err := t.Connection(ctx, is.ConnectionID)
		if err != nil {
			return is, err
		}
		if err := errors.Join(usable(&c), rotatableN8NKey(&is)); err != nil {
			return is, err
		}
		// It stays the same key, with the end that it has; where the policy wants
		// one and it has none, it gets one here.
		p, anew := &problems{now: t.Now()}, is
		anew.CreatedAt = t.Now()
		p.n8nScopes(&c, is.Scopes)
		if err := t.keepN8NPolicy(ctx, p, &anew); err != nil {
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
		t.recordN8NKey("n8n_key.request", &is, details{After: n8nKeyFacts(&is)})
		return is, errors.Join(t.Enqueue(ctx, store.OutsideJob(&is, t.Now().Add(n8nDoubt))), t.remember(ctx, in.Idempotency, is.ID))
	})
	return out, err
}

// turnN8NKey gives the key of an intent another secret. Of is the request of
// who waits for it; nil when the job does it again, after an answer that was
// lost. That n8n refuses the job says nothing of the first call: it may have
// made a secret that nobody has, so the key stays an intent until there is one.
func (s *Service) turnN8NKey(ctx context.Context, a Actor, f *n8nGate, intent store.OutsideCredential, of *Idempotency) (store.OutsideCredential, credential.Text, error) {
	what := n8nKeyName(intent.ID)
	lasting, cancel := lastingFor(ctx, n8nMintTime)
	defer cancel()
	made, err := f.Rotate(lasting, f.target, intent.RemoteID)
	if err != nil {
		e, ok := errors.AsType[*remote.Error](err)
		out := s.n8nFailed(lasting, what, a, f, err)
		if !ok || e.Uncertain || of == nil {
			return store.OutsideCredential{}, credential.Text{}, out
		}
		return store.OutsideCredential{}, credential.Text{}, errors.Join(out, s.setN8NRefused(lasting, a, &intent, of))
	}
	collected := of != nil && ctx.Err() == nil // else nobody is there to get it
	is, err := s.setN8NTurned(lasting, a, &intent, &made, collected)
	if err != nil && !gone(err) {
		is, err = s.setN8NTurned(lasting, a, &intent, &made, collected) // once more: the secret is here and nowhere else
	}
	if err != nil {
		return store.OutsideCredential{}, credential.Text{}, err
	}
	if !is.CollectedAt.IsZero() {
		return is, made.Secret, nil
	}
	return is, credential.Text{}, awaited(ctx, what)
}

// setN8NTurned ends a rotation in place with the new secret.
func (s *Service) setN8NTurned(ctx context.Context, a Actor, intent *store.OutsideCredential, made *n8n.Made, collected bool) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, a, n8nKeyName(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, store.SystemN8N, intent.ID)
		if err == nil && is.State == store.OutsideActive && is.Version == intent.Version+1 && is.Ending == made.Key.Last4 {
			return is, nil // it was written down, and nobody heard
		}
		if err == nil {
			err = n8nTurns(&is, intent)
		}
		if err != nil {
			return is, err
		}
		before := is
		sealed, err := s.store.Seal([]byte(made.Secret.Reveal()), store.OutsideAssociatedData(&is))
		if err != nil {
			return is, err
		}
		is.State, is.StateAt = store.OutsideActive, t.Now()
		is.Secret, is.SecretAt, is.Ending, is.CollectedAt = sealed, t.Now(), made.Key.Last4, time.Time{}
		if collected {
			is.CollectedAt = t.Now()
		}
		if is, err = t.updateN8NKey(ctx, is); err != nil {
			return is, err
		}
		t.recordN8NKey("n8n_key.rotate", &is, changedFacts(n8nKeyFacts(&before), n8nKeyFacts(&is)))
		t.emit(event.N8NKeyRotated, is.Namespace, event.N8NKeyRotation{
			Key: eventN8NKey(&before), Successor: eventN8NKey(&is), EndsAt: t.Now(), Waits: is.CollectedAt.IsZero(), Actor: t.actor.ID,
		})
		return is, nil
	})
	return out, err
}

// setN8NRefused ends a rotation in place that n8n refused: the key is as it
// was, and the request made nothing, so that its repetition tries again.
func (s *Service) setN8NRefused(ctx context.Context, a Actor, intent *store.OutsideCredential, of *Idempotency) error {
	_, _, err := transact(ctx, s, a, n8nKeyName(intent.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		before, err := t.OutsideCredential(ctx, store.SystemN8N, intent.ID)
		if err == nil {
			err = n8nTurns(&before, intent)
		}
		if err != nil {
			return struct{}{}, err
		}
		is := before
		is.State, is.StateAt = store.OutsideActive, t.Now()
		if is, err = t.updateN8NKey(ctx, is); err != nil {
			return struct{}{}, err
		}
		t.recordN8NKey("n8n_key.refuse", &is, changedFacts(n8nKeyFacts(&before), n8nKeyFacts(&is)))
		if of.Key == "" {
			return struct{}{}, nil
		}
		return struct{}{}, t.ForgetIdempotency(ctx, t.actor.ID, of.Key)
	})
	return err
}

// n8nTurns refuses to end a rotation in place that another attempt has taken
// over.
func n8nTurns(is, intent *store.OutsideCredential) error {
	if is.State != store.OutsideRotating || is.Version != intent.Version {
		return store.ErrStale
	}
	return nil
}

// resumeN8NRotation does a rotation again whose end nobody knows: the secret
// waits to be fetched. Of two jobs that would do it at once, the second would
// end the secret of the first, whichever is written down last: so an attempt is
// taken first, and who finds it taken comes back when it must be over.
func (s *Service) resumeN8NRotation(ctx context.Context, intent *store.OutsideCredential) (again time.Time, err error) {
	if age := s.now().Sub(intent.UpdatedAt); age < n8nDoubt {
		return intent.UpdatedAt.Add(n8nDoubt), nil
	}
	taken, err := s.takeN8NTurn(ctx, intent)
	if gone(err) {
		return time.Time{}, nil // the other one says when to call again
	}
	if err != nil {
		return time.Time{}, err
	}
	intent = &taken
	f, err := s.n8nGateOf(ctx, intent)
	if err != nil {
		return time.Time{}, err
	}
	_, _, err = s.turnN8NKey(ctx, n8nActor(), f, *intent, nil)
	return time.Time{}, err
}

// takeN8NTurn writes down that the rotation is tried again from now on.
func (s *Service) takeN8NTurn(ctx context.Context, intent *store.OutsideCredential) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, n8nActor(), n8nKeyName(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is := *intent
		is.UpdatedAt = t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return is, err
		}
		is.Version++
		t.recordN8NKey("n8n_key.request", &is, details{After: n8nKeyFacts(&is)})
		return is, nil
	})
	return out, err
}
