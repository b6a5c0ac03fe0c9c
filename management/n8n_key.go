package management

import (
	"cmp"
	"context"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// n8nActor does what is due for keys of n8n.
func n8nActor() Actor { return Actor{ID: "job:" + store.KindN8NKey, Role: store.RoleAdmin} }

func n8nKeyName(id string) string { return "n8n key " + quoted(id) }

// readN8NKey reads a key that the actor may see.
func readN8NKey(ctx context.Context, r store.OutsideReader, a Actor, id string) (store.OutsideCredential, error) {
	what := n8nKeyName(id)
	t, err := r.OutsideCredential(ctx, store.SystemN8N, id)
	if err != nil {
		return store.OutsideCredential{}, failed(what, err)
	}
	if !a.May(t.Namespace) {
		return store.OutsideCredential{}, notFound(what)
	}
	return t, nil
}

// n8nGate is the client for n8n, and a connection as it calls it.
type n8nGate struct {
	*n8n.Client

	connection store.Connection
	target     *remote.Target
}

// n8nGate opens a connection that is used.
func (s *Service) n8nGate(c store.Connection) (*n8nGate, error) {
	if s.n8n == nil {
		return nil, refuse(CodeInternal, "connection: this server has no client for %s", c.Kind)
	}
	if err := usable(&c); err != nil {
		return nil, err
	}
	t, err := s.target(&c)
	if err != nil {
		return nil, err
	}
	return &n8nGate{s.n8n, c, t}, nil
}

// n8nGateOf opens the connection of a key.
func (s *Service) n8nGateOf(ctx context.Context, t *store.OutsideCredential) (*n8nGate, error) {
	c, err := s.store.Connection(ctx, t.ConnectionID)
	if err != nil {
		return nil, failed(n8nKeyName(t.ID), err)
	}
	return s.n8nGate(c)
}

// n8nFailed is what a call over a connection became.
func (s *Service) n8nFailed(ctx context.Context, what string, a Actor, f *n8nGate, err error) error {
	return remoteFailed(what, a, s.calledBack(ctx, &f.connection, err))
}

func (t *transaction) recordN8NKey(action string, is *store.OutsideCredential, d details) {
	t.record(is.Namespace, action, "n8n_key:"+is.ID, "", d)
}

// updateN8NKey writes a changed key and has what is due next for it done
// in time.
func (t *transaction) updateN8NKey(ctx context.Context, is store.OutsideCredential) (store.OutsideCredential, error) {
	is.UpdatedAt = t.Now()
	if err := t.UpdateOutsideCredential(ctx, is); err != nil {
		return is, err
	}
	is.Version++
	at := n8nKeyDue(&is)
	if at.IsZero() {
		return is, nil
	}
	return is, t.Enqueue(ctx, store.OutsideJob(&is, at))
}

// n8nKeyDue is when something is to be done about a key that is there; zero
// for never. What is rotated is the secret, so its age counts.
func n8nKeyDue(t *store.OutsideCredential) time.Time {
	var at time.Time
	switch {
	case !t.Lives() || t.State == store.OutsideStranger:
		return at
	case t.State == store.OutsideActive && t.RotateEvery > 0 && t.Successor == "":
		at = cmp.Or(t.SecretAt, t.CreatedAt).Add(t.RotateEvery)
	}
	if at.IsZero() || !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(at) {
		at = t.ExpiresAt
	}
	return at
}

// n8nKeyFacts never hold the secret.
func n8nKeyFacts(t *store.OutsideCredential) facts {
	f := facts{}
	f.text("label", t.Name)
	f.text("login", t.Login)
	f.text("n8n_key_id", t.RemoteID)
	f.texts("scopes", t.Scopes)
	f.text("owner", t.Owner)
	f.text("description", t.Description)
	f.text("state", string(t.State))
	f.instant("expires_at", t.ExpiresAt)
	if t.RotateEvery > 0 {
		f["rotate_every"] = t.RotateEvery.String()
	}
	f.text("predecessor", t.Predecessor)
	f.text("successor", t.Successor)
	return f
}

// tellN8NKey emits what happened to a key.
func (t *transaction) tellN8NKey(kind event.Type, is *store.OutsideCredential, reason string) {
	t.emit(kind, is.Namespace, event.N8NKeyChange{Key: eventN8NKey(is), Actor: t.actor.ID, Reason: reason})
}

func eventN8NKey(t *store.OutsideCredential) event.N8NKey {
	return event.N8NKey{
		ID: t.ID, Namespace: t.Namespace, N8NKeyID: t.RemoteID, Label: t.Name, Login: t.Login, Scopes: t.Scopes,
		LastFour: t.Ending, Owner: t.Owner, State: string(t.State), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}

// n8nSecret opens the secret of a key.
func (s *Service) n8nSecret(t *store.OutsideCredential) (credential.Text, error) {
	if len(t.Secret) == 0 {
		return credential.Text{}, refuse(CodeConflict, "%s: its secret is not known here: it was made elsewhere", n8nKeyName(t.ID))
	}
	plain, err := s.store.Open(t.Secret, store.OutsideAssociatedData(t))
	if err != nil {
		return credential.Text{}, &Error{Code: CodeInternal, Message: n8nKeyName(t.ID) + ": its secret cannot be opened with the keyset of this server; rotate it", cause: err}
	}
	return credential.NewText(string(plain)), nil
}
