package management

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// giteaActor does what is due for tokens of Gitea users.
func giteaActor() Actor { return Actor{ID: "job:" + store.KindGiteaToken, Role: store.RoleAdmin} }

func giteaTokenName(id string) string { return "gitea token " + quoted(id) }

// readGiteaToken reads a token that the actor may see.
func readGiteaToken(ctx context.Context, r store.OutsideReader, a Actor, id string) (store.OutsideCredential, error) {
	what := giteaTokenName(id)
	t, err := r.OutsideCredential(ctx, store.SystemGitea, id)
	if err != nil {
		return store.OutsideCredential{}, failed(what, err)
	}
	if !a.May(t.Namespace) {
		return store.OutsideCredential{}, notFound(what)
	}
	return t, nil
}

// forge is the client for Gitea, and a connection as it calls it.
type forge struct {
	*gitea.Client

	connection store.Connection
	target     *remote.Target
}

// giteaForge opens a connection that is used.
func (s *Service) giteaForge(c store.Connection) (*forge, error) {
	if s.gitea == nil {
		return nil, refuse(CodeInternal, "connection: this server has no client for %s", c.Kind)
	}
	if err := usable(&c); err != nil {
		return nil, err
	}
	t, err := s.target(&c)
	if err != nil {
		return nil, err
	}
	return &forge{s.gitea, c, t}, nil
}

// giteaForgeOf opens the connection of a token.
func (s *Service) giteaForgeOf(ctx context.Context, t *store.OutsideCredential) (*forge, error) {
	c, err := s.store.Connection(ctx, t.ConnectionID)
	if err != nil {
		return nil, failed(giteaTokenName(t.ID), err)
	}
	return s.giteaForge(c)
}

// giteaFailed is what a call over a connection became.
func (s *Service) giteaFailed(ctx context.Context, what string, a Actor, f *forge, err error) error {
	return remoteFailed(what, a, s.calledBack(ctx, &f.connection, err))
}

func (t *transaction) recordGiteaToken(action string, is *store.OutsideCredential, d details) {
	t.record(is.Namespace, action, "gitea_token:"+is.ID, "", d)
}

// updateGiteaToken writes a changed token and has what is due next for it done
// in time.
func (t *transaction) updateGiteaToken(ctx context.Context, is store.OutsideCredential) (store.OutsideCredential, error) {
	is.UpdatedAt = t.Now()
	if err := t.UpdateOutsideCredential(ctx, is); err != nil {
		return is, err
	}
	is.Version++
	at := giteaTokenDue(&is)
	if at.IsZero() {
		return is, nil
	}
	return is, t.Enqueue(ctx, store.OutsideJob(&is, at))
}

// giteaTokenDue is when something is to be done about a token that is there;
// zero for never. What is rotated is the secret, so its age counts.
func giteaTokenDue(t *store.OutsideCredential) time.Time {
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

// giteaTokenFacts never hold the secret.
func giteaTokenFacts(t *store.OutsideCredential) facts {
	f := facts{}
	f.text("token_name", t.Name)
	f.text("login", t.Login)
	if id, _, err := t.Numbers(); err == nil && id != 0 {
		f["gitea_token_id"] = id
	}
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

// tellGiteaToken emits what happened to a token.
func (t *transaction) tellGiteaToken(kind event.Type, is *store.OutsideCredential, reason string) {
	t.emit(kind, is.Namespace, event.GiteaTokenChange{Token: eventGiteaToken(is), Actor: t.actor.ID, Reason: reason})
}

func eventGiteaToken(t *store.OutsideCredential) event.GiteaToken {
	id, _, _ := t.Numbers() // 0 for none
	return event.GiteaToken{
		TokenID: t.ID, Namespace: t.Namespace, GiteaTokenID: id, Name: t.Name, Login: t.Login, Scopes: t.Scopes,
		LastEight: t.Ending, Owner: t.Owner, State: string(t.State), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}

// seeCredential opens a finding about a credential of another program, once
// while it lasts.
func (s *Service) seeCredential(ctx context.Context, t *transaction, kind string, severity store.Severity, namespace, subject, message string) error {
	id, err := store.NewID(store.AnomalyIDPrefix, t.Now(), s.random)
	if err != nil {
		return err
	}
	found, fresh, err := t.SeeAnomaly(ctx, store.Anomaly{
		ID: id, Type: kind, Severity: severity, State: store.AnomalyOpen, Namespace: namespace, Subject: subject,
		Evidence: store.Evidence{Observed: 1, Message: message}, FirstAt: t.Now(), LastAt: t.Now(), CreatedAt: t.Now(), Version: 1,
	})
	if err == nil && fresh {
		t.recordAnomaly("anomaly.open", &found, details{After: anomalyFacts(&found)})
	}
	return err
}

// giteaSecret opens the secret of a token.
func (s *Service) giteaSecret(t *store.OutsideCredential) (credential.Text, error) {
	if len(t.Secret) == 0 {
		return credential.Text{}, refuse(CodeConflict, "%s: its secret is not known here: it was made elsewhere", giteaTokenName(t.ID))
	}
	plain, err := s.store.Open(t.Secret, store.OutsideAssociatedData(t))
	if err != nil {
		return credential.Text{}, &Error{Code: CodeInternal, Message: giteaTokenName(t.ID) + ": its secret cannot be opened with the keyset of this server; rotate it", cause: err}
	}
	return credential.NewText(string(plain)), nil
}

// numberText is an id of Gitea; "" for none.
func numberText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// gone reports that somebody else was faster: what was to be changed is not
// there any more.
func gone(err error) bool { return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) }
