package management

import (
	"context"
	"errors"
	"time"

	"credence/store"
	"credence/store/credential"
)

// outsideCreate asks for a credential in another system.
type outsideCreate struct {
	connection  string
	login       string // of the account; "": that of the connection
	name        string // gets a random suffix
	scopes      []string
	owner       string // who answers for it
	description string
	expiresAt   time.Time // it is deleted then; at most one of the two
	expiresIn   string    // a Go duration
	rotateEvery string    // a Go duration; "" for never
	overlap     string    // a Go duration; "" means 24h

	idempotency Idempotency
}

// outsideCreated is the answer of what makes a credential.
type outsideCreated struct {
	is       store.OutsideCredential
	secret   credential.Text // shown this once; empty when replayed
	replayed bool            // made by an earlier, equal request
}

// make makes a credential, within the limits of the connection. What is to be
// made is written down before the system is asked, so that whatever is lost on
// the way is found by its name and removed.
func (k keeper) make(ctx context.Context, a Actor, in *outsideCreate) (outsideCreated, error) {
	what := k.name(in.name)
	c, err := readConnection(ctx, k.store, a, k.kind, in.connection)
	if err != nil {
		return outsideCreated{}, err
	}
	before, err := k.replayed(ctx, a, what, in.idempotency)
	if err != nil || before.replayed {
		return before, err
	}
	w, err := k.open(c)
	if err != nil {
		return outsideCreated{}, err
	}
	intent, err := k.asked(a, &c, in)
	if err != nil {
		return outsideCreated{}, err
	}
	intent.Login, intent.UserID, err = k.account(ctx, w, what, &intent)
	if err != nil {
		return outsideCreated{}, k.callFailed(ctx, what, a, w, err)
	}
	intent, err = k.intend(ctx, a, what, in, intent)
	if err != nil {
		return outsideCreated{}, err
	}
	return k.mint(ctx, a, w, intent, true)
}

// replayed answers what an earlier, equal request made.
func (k keeper) replayed(ctx context.Context, a Actor, what string, in Idempotency) (outsideCreated, error) {
	p := &problems{}
	p.idempotencyKey(in)
	if err := p.err(what); err != nil {
		return outsideCreated{}, err
	}
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (outsideCreated, error) {
		id, err := t.replayed(ctx, in)
		if err != nil || id == "" {
			return outsideCreated{}, err
		}
		is, err := k.read(ctx, t, a, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return outsideCreated{}, refuse(CodeConflict, "%s: the earlier request with this idempotency key made none, or it is gone; use another key", what)
		case err == nil && (is.State == store.OutsideMaking || is.State == store.OutsideRotating):
			return outsideCreated{}, refuse(CodeConflict, "%s: it is not known yet what became of the earlier request with this idempotency key; in some minutes it is", what)
		}
		return outsideCreated{is: is, replayed: true}, err
	})
	return out, err
}

// asked checks the input against the connection and answers the credential that
// it describes.
func (k keeper) asked(a Actor, c *store.Connection, in *outsideCreate) (store.OutsideCredential, error) {
	now := k.now().UTC().Truncate(time.Microsecond)
	p := &problems{now: now}
	k.checkLogin(p, c, in.login)
	is := store.OutsideCredential{
		System: k.of, ConnectionID: c.ID, Namespace: c.Namespace, Name: p.outsideName(in.name, k.noun), Login: in.login,
		Scopes: k.checkScopes(p, c, in.scopes), Owner: p.text("owner", in.owner, 0, maxName), Description: p.description(in.description),
		ExpiresAt: p.end("expires_at", in.expiresAt, "expires_in", in.expiresIn), RotateEvery: p.rotateEvery(in.rotateEvery),
		Overlap: p.overlap(in.overlap), State: store.OutsideMaking, StateAt: now, CreatedBy: a.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	return is, p.err(k.name(in.name))
}

// intend writes down that a credential is about to be made, and has somebody
// look what became of it.
func (k keeper) intend(ctx context.Context, a Actor, what string, in *outsideCreate, intent store.OutsideCredential) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		c, err := t.Connection(ctx, intent.ConnectionID)
		if err != nil {
			return intent, err
		}
		// Its limits may have changed since they were looked at.
		p := &problems{now: t.Now()}
		k.checkLogin(p, &c, intent.Login)
		k.checkScopes(p, &c, intent.Scopes)
		if err := k.keepPolicy(ctx, t, p, &intent); err != nil {
			return intent, err
		}
		if err := errors.Join(usable(&c), p.err(what)); err != nil {
			return intent, err
		}
		if intent, err = k.insertIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.idempotency, intent.ID)
	})
	return out, err
}

// insertIntent notes the intent under a name that nobody guesses.
func (k keeper) insertIntent(ctx context.Context, t *transaction, intent store.OutsideCredential) (store.OutsideCredential, error) {
	var err error
	if intent.ID, err = store.NewID(k.of.IDPrefix(), t.Now(), k.random); err != nil {
		return intent, err
	}
	if intent.Name, err = suffixed(intent.Name, k.random); err != nil {
		return intent, err
	}
	if err := t.InsertOutsideCredential(ctx, intent); err != nil {
		return intent, err
	}
	k.record(t, "request", &intent, details{After: k.facts(&intent)})
	return intent, t.Enqueue(ctx, store.OutsideJob(&intent, t.Now().Add(k.doubt)))
}
