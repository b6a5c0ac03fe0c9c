package management

import (
	"context"
	"errors"
	"time"

	"credence/store"
	"credence/store/credential"
)

// N8NKeyCreate is the input of [Service.N8NKeyCreate].
type N8NKeyCreate struct {
	Connection  string
	Name        string // gets a random suffix
	Scopes      []string
	Owner       string // who answers for it
	Description string
	ExpiresAt   time.Time // it is deleted then; at most one of the two
	ExpiresIn   string    // a Go duration
	RotateEvery string    // a Go duration; "" for never
	Overlap     string    // a Go duration; "" means 24h

	Idempotency Idempotency
}

// N8NKeyCreated is the answer of what makes a key.
type N8NKeyCreated struct {
	Key      store.OutsideCredential
	Secret   credential.Text // shown this once; empty when Replayed
	Replayed bool            // made by an earlier, equal request
}

// N8NKeyCreate makes an API key for the account of a connection, within its
// scopes. What is to be made is written down before n8n is asked, so that
// whatever is lost on the way is found by its label and removed.
func (s *Service) N8NKeyCreate(ctx context.Context, a Actor, in N8NKeyCreate) (N8NKeyCreated, error) {
	what := n8nKeyName(in.Name)
	c, err := readConnection(ctx, s.store, a, store.ConnectionN8N, in.Connection)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	before, err := s.n8nReplayed(ctx, a, what, in.Idempotency)
	if err != nil || before.Replayed {
		return before, err
	}
	f, err := s.n8nGate(c)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	intent, err := s.newN8NKey(a, &c, &in, s.now())
	if err != nil {
		return N8NKeyCreated{}, err
	}
	intent, err = s.intendN8NKey(ctx, a, what, &in, intent)
	if err != nil {
		return N8NKeyCreated{}, err
	}
	made, secret, err := s.mintN8NKey(ctx, a, f, intent, true)
	return N8NKeyCreated{Key: made, Secret: secret}, err
}

// n8nReplayed answers what an earlier, equal request made.
func (s *Service) n8nReplayed(ctx context.Context, a Actor, what string, in Idempotency) (N8NKeyCreated, error) {
	p := &problems{}
	p.idempotencyKey(in)
	if err := p.err(what); err != nil {
		return N8NKeyCreated{}, err
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (N8NKeyCreated, error) {
		id, err := t.replayed(ctx, in)
		if err != nil || id == "" {
			return N8NKeyCreated{}, err
		}
		is, err := readN8NKey(ctx, t, a, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return N8NKeyCreated{}, refuse(CodeConflict, "%s: the earlier request with this idempotency key made none, or it is gone; use another key", what)
		case err == nil && (is.State == store.OutsideMaking || is.State == store.OutsideRotating):
			return N8NKeyCreated{}, refuse(CodeConflict, "%s: it is not known yet what became of the earlier request with this idempotency key; in some minutes it is", what)
		}
		return N8NKeyCreated{Key: is, Replayed: true}, err
	})
	return out, err
}

// newN8NKey checks the input against the connection and answers the key
// it describes.
func (s *Service) newN8NKey(a Actor, c *store.Connection, in *N8NKeyCreate, now time.Time) (store.OutsideCredential, error) {
	now = now.UTC().Truncate(time.Microsecond)
	p := &problems{now: now}
	is := store.OutsideCredential{
		System: store.SystemN8N, ConnectionID: c.ID, Namespace: c.Namespace, Name: p.n8nName(in.Name), Login: c.Account,
		Scopes: p.n8nScopes(c, in.Scopes), Owner: p.text("owner", in.Owner, 0, maxName), Description: p.description(in.Description),
		ExpiresAt: p.end("expires_at", in.ExpiresAt, "expires_in", in.ExpiresIn), RotateEvery: p.rotateEvery(in.RotateEvery),
		Overlap: p.overlap(in.Overlap), State: store.OutsideMaking, StateAt: now, CreatedBy: a.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	return is, p.err(n8nKeyName(in.Name))
}

// intendN8NKey writes down that a key is about to be made, and has
// somebody look what became of it.
func (s *Service) intendN8NKey(ctx context.Context, a Actor, what string, in *N8NKeyCreate, intent store.OutsideCredential) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		c, err := t.Connection(ctx, intent.ConnectionID)
		if err != nil {
			return intent, err
		}
		// Its limits may have changed since they were looked at.
		p := &problems{now: t.Now()}
		p.n8nScopes(&c, intent.Scopes)
		if err := t.keepN8NPolicy(ctx, p, &intent); err != nil {
			return intent, err
		}
		if err := errors.Join(usable(&c), p.err(what)); err != nil {
			return intent, err
		}
		if intent, err = s.insertN8NIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.Idempotency, intent.ID)
	})
	return out, err
}

// keepN8NPolicy holds a key to the policy of keys of type integration.
func (t *transaction) keepN8NPolicy(ctx context.Context, p *problems, is *store.OutsideCredential) error {
	as := store.Key{
		Namespace: is.Namespace, KeyType: store.KeyTypeIntegration, CreatedAt: is.CreatedAt, ExpiresAt: is.ExpiresAt,
		Scopes: is.Scopes, StatusReason: is.Description,
	}
	if err := t.keepPolicyElsewhere(ctx, p, &as); err != nil {
		return err
	}
	is.ExpiresAt = as.ExpiresAt.Truncate(time.Second) // n8n counts in seconds
	policy, err := t.policy(ctx, is.Namespace, store.KeyTypeIntegration)
	if err == nil && is.RotateEvery == 0 {
		is.RotateEvery = policy.RotateEvery
	}
	return err
}

// insertN8NIntent notes the intent under a name that nobody guesses.
func (s *Service) insertN8NIntent(ctx context.Context, t *transaction, intent store.OutsideCredential) (store.OutsideCredential, error) {
	var err error
	if intent.ID, err = store.NewID(store.SystemN8N.IDPrefix(), t.Now(), s.random); err != nil {
		return intent, err
	}
	if intent.Name, err = suffixed(intent.Name, s.random); err != nil {
		return intent, err
	}
	if err := t.InsertOutsideCredential(ctx, intent); err != nil {
		return intent, err
	}
	t.recordN8NKey("n8n_key.request", &intent, details{After: n8nKeyFacts(&intent)})
	return intent, t.Enqueue(ctx, store.OutsideJob(&intent, t.Now().Add(n8nDoubt)))
}
