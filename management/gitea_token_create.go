package management

import (
	"context"
	"errors"
	"time"

	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// GiteaTokenCreate is the input of [Service.GiteaTokenCreate].
type GiteaTokenCreate struct {
	Connection  string
	Login       string // of the user; one of those of the connection
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

// GiteaTokenCreated is the answer of what makes a token.
type GiteaTokenCreated struct {
	Token    store.OutsideCredential
	Secret   credential.Text // shown this once; empty when Replayed
	Replayed bool            // made by an earlier, equal request
}

// GiteaTokenCreate makes an access token of a Gitea user: within the users and
// scopes of the connection, never for a site administrator. What is to be made
// is written down before the server is asked, so that whatever is lost on the
// way is found and removed.
func (s *Service) GiteaTokenCreate(ctx context.Context, a Actor, in GiteaTokenCreate) (GiteaTokenCreated, error) {
	what := giteaTokenName(in.Name)
	c, err := readConnection(ctx, s.store, a, store.ConnectionGitea, in.Connection)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	before, err := s.giteaReplayed(ctx, a, what, in.Idempotency)
	if err != nil || before.Replayed {
		return before, err
	}
	f, err := s.giteaForge(c)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	intent, err := s.newGiteaToken(a, &c, &in, s.now())
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	if err := s.giteaPerson(ctx, what, a, f, &intent); err != nil {
		return GiteaTokenCreated{}, err
	}
	intent, err = s.intendGiteaToken(ctx, a, what, &in, intent)
	if err != nil {
		return GiteaTokenCreated{}, err
	}
	made, secret, err := s.mintGiteaToken(ctx, a, f, intent, true)
	return GiteaTokenCreated{Token: made, Secret: secret}, err
}

// giteaReplayed answers what an earlier, equal request made.
func (s *Service) giteaReplayed(ctx context.Context, a Actor, what string, in Idempotency) (GiteaTokenCreated, error) {
	p := &problems{}
	p.idempotencyKey(in)
	if err := p.err(what); err != nil {
		return GiteaTokenCreated{}, err
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (GiteaTokenCreated, error) {
		id, err := t.replayed(ctx, in)
		if err != nil || id == "" {
			return GiteaTokenCreated{}, err
		}
		is, err := readGiteaToken(ctx, t, a, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return GiteaTokenCreated{}, refuse(CodeConflict, "%s: the earlier request with this idempotency key made none, or it is gone; use another key", what)
		case err == nil && is.State == store.OutsideMaking:
			return GiteaTokenCreated{}, refuse(CodeConflict, "%s: it is not known yet what became of the earlier request with this idempotency key; in some minutes it is", what)
		}
		return GiteaTokenCreated{Token: is, Replayed: true}, err
	})
	return out, err
}

// newGiteaToken checks the input against the connection and answers the token
// it describes.
func (s *Service) newGiteaToken(a Actor, c *store.Connection, in *GiteaTokenCreate, now time.Time) (store.OutsideCredential, error) {
	now = now.UTC().Truncate(time.Microsecond)
	p := &problems{now: now}
	p.giteaLogin(c, in.Login)
	is := store.OutsideCredential{
		System: store.SystemGitea, ConnectionID: c.ID, Namespace: c.Namespace, Name: p.giteaName(in.Name), Login: in.Login,
		Scopes: p.giteaScopes(c, in.Scopes), Owner: p.text("owner", in.Owner, 0, maxName), Description: p.description(in.Description),
		ExpiresAt: p.end("expires_at", in.ExpiresAt, "expires_in", in.ExpiresIn), RotateEvery: p.rotateEvery(in.RotateEvery),
		Overlap: p.overlap(in.Overlap), State: store.OutsideMaking, StateAt: now, CreatedBy: a.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	return is, p.err(giteaTokenName(in.Name))
}

// giteaPerson asks the server for the user: a person, and no site
// administrator.
func (s *Service) giteaPerson(ctx context.Context, what string, a Actor, f *forge, intent *store.OutsideCredential) error {
	if _, err := f.Version(ctx, f.target); err != nil {
		return s.giteaFailed(ctx, what, a, f, err)
	}
	user, err := f.Find(ctx, f.target, intent.Login)
	p := &problems{}
	switch {
	case remote.KindOf(err) == remote.NotFound:
		p.add("login", quoted(intent.Login)+" does not exist on the server", "check the name; the user may have been renamed or removed")
	case err != nil:
		return s.giteaFailed(ctx, what, a, f, err)
	case !user.Person:
		p.add("login", quoted(intent.Login)+" is no person: an organisation or a bot", "name a user")
	case user.Admin:
		p.add("login", quoted(intent.Login)+" is a site administrator", "name another user: nobody gets the token of a site administrator from here")
	}
	intent.Login, intent.UserID = user.Login, numberText(user.ID)
	return p.err(what)
}

// intendGiteaToken writes down that a token is about to be made, and has
// somebody look what became of it.
func (s *Service) intendGiteaToken(ctx context.Context, a Actor, what string, in *GiteaTokenCreate, intent store.OutsideCredential) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		c, err := t.Connection(ctx, intent.ConnectionID)
		if err != nil {
			return intent, err
		}
		// Its limits may have changed since they were looked at.
		p := &problems{now: t.Now()}
		p.giteaLogin(&c, intent.Login)
		p.giteaScopes(&c, intent.Scopes)
		if err := t.keepGiteaPolicy(ctx, p, &intent); err != nil {
			return intent, err
		}
		if err := errors.Join(usable(&c), p.err(what)); err != nil {
			return intent, err
		}
		if intent, err = s.insertGiteaIntent(ctx, t, intent); err != nil {
			return intent, err
		}
		return intent, t.remember(ctx, in.Idempotency, intent.ID)
	})
	return out, err
}

// keepGiteaPolicy holds a token to the policy of keys of type integration.
func (t *transaction) keepGiteaPolicy(ctx context.Context, p *problems, is *store.OutsideCredential) error {
	as := store.Key{
		Namespace: is.Namespace, KeyType: store.KeyTypeIntegration, CreatedAt: is.CreatedAt, ExpiresAt: is.ExpiresAt,
		Scopes: is.Scopes, StatusReason: is.Description,
	}
	if err := t.keepPolicyElsewhere(ctx, p, &as); err != nil {
		return err
	}
	is.ExpiresAt = as.ExpiresAt
	policy, err := t.policy(ctx, is.Namespace, store.KeyTypeIntegration)
	if err == nil && is.RotateEvery == 0 {
		is.RotateEvery = policy.RotateEvery
	}
	return err
}

// clipLife is an end that the policy of integration keys allows, for who is
// asked by nobody and so cannot be told that it is too late.
func (t *transaction) clipLife(ctx context.Context, namespace string, end time.Time) (time.Time, error) {
	policy, err := t.policy(ctx, namespace, store.KeyTypeIntegration)
	if last := t.Now().Add(policy.LongestLife); err == nil && policy.LongestLife > 0 && (end.IsZero() || end.After(last)) {
		end = last
	}
	return end, err
}

// insertGiteaIntent notes the intent under a name that nobody guesses.
func (s *Service) insertGiteaIntent(ctx context.Context, t *transaction, intent store.OutsideCredential) (store.OutsideCredential, error) {
	var err error
	if intent.ID, err = store.NewID(store.SystemGitea.IDPrefix(), t.Now(), s.random); err != nil {
		return intent, err
	}
	if intent.Name, err = suffixed(intent.Name, s.random); err != nil {
		return intent, err
	}
	if err := t.InsertOutsideCredential(ctx, intent); err != nil {
		return intent, err
	}
	t.recordGiteaToken("gitea_token.request", &intent, details{After: giteaTokenFacts(&intent)})
	return intent, t.Enqueue(ctx, store.OutsideJob(&intent, t.Now().Add(giteaDoubt)))
}
