package management

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"credence/management/event"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// System is another program whose credentials are managed here: what all kinds
// of connections have in common. A kind with operations of its own has a wider
// interface, which embeds this one.
type System interface {
	// Examine answers what is wrong with a connection of its kind, without
	// calling anybody. It may bring scopes, logins and settings into the form in
	// which they are stored.
	Examine(c *store.Connection) []remote.Problem
	// Check calls the program and answers what it found. An error means that
	// the program was not reached, or did not let the connection in.
	Check(ctx context.Context, t *remote.Target) (remote.Report, error)
}

// system is what fulfils a kind of connection.
func (s *Service) system(kind store.ConnectionKind) (System, error) {
	if is := s.systems[kind]; is != nil {
		return is, nil
	}
	return nil, refuse(CodeInternal, "connection: this server has no client for %s", kind)
}

// connectionName is what errors call a connection.
func connectionName(kind store.ConnectionKind, name string) string {
	return string(kind) + " connection " + quoted(name)
}

// readConnection reads a connection that the actor may use.
func readConnection(ctx context.Context, r store.ConnectionReader, a Actor, kind store.ConnectionKind, name string) (store.Connection, error) {
	what := connectionName(kind, name)
	c, err := r.ConnectionNamed(ctx, kind, name)
	if err != nil {
		return store.Connection{}, failed(what, err)
	}
	if !a.May(c.Namespace) {
		return store.Connection{}, notFound(what)
	}
	return c, nil
}

// usable refuses to have anything done over a connection that is paused.
func usable(c *store.Connection) error {
	if c.Usable() {
		return nil
	}
	return refuse(CodeConflict, "%s: is paused since %s (%s); who made it has to mend it first: check says what is wrong",
		connectionName(c.Kind, c.Name), c.StateAt.UTC().Format("2006-01-02T15:04:05Z07:00"), c.StateReason)
}

// target is the connection as a client calls it.
func (s *Service) target(c *store.Connection) (*remote.Target, error) {
	plain, err := s.store.Open(c.Credential, store.ConnectionAssociatedData(c))
	if err != nil {
		return nil, &Error{Code: CodeInternal, Message: connectionName(c.Kind, c.Name) + ": its credential cannot be opened with the keyset of this server; give it the credential anew", cause: err}
	}
	return &remote.Target{
		ID: c.ID, Version: c.Version, URL: c.URL, Account: c.Account, Secret: credential.NewText(string(plain)),
		CA: c.CA, ServerName: c.ServerName, Settings: c.Settings, Logins: c.Logins, Scopes: c.Scopes,
	}, nil
}

// sealCredential gives a connection a credential. It comes after the URL,
// which it is bound to.
func (s *Service) sealCredential(c *store.Connection, text credential.Text) error {
	var err error
	c.Credential, err = s.store.Seal([]byte(text.Reveal()), store.ConnectionAssociatedData(c))
	return err
}

// remoteFailed turns what a call answered into an Error about the object. What
// the program said is for global admins only: it may tell of more than the
// actor may know.
func remoteFailed(what string, a Actor, err error) error {
	e, ok := errors.AsType[*remote.Error](err)
	if !ok {
		return failed(what, err)
	}
	problem := string(e.Kind)
	if a.Global() && a.Role.Includes(store.RoleAdmin) && e.Message != "" {
		problem += ": " + e.Message
	}
	return &Error{
		Code: CodeRemote, Message: what + ": the other program did not do it",
		Fields: []FieldError{{Field: "connection", Problem: problem, Remedy: e.Kind.Remedy()}},
		cause:  err,
	}
}

// calledBack looks at what a call over a connection answered: one that is not
// let in is paused, so that it does not lock its account out by trying on.
func (s *Service) calledBack(ctx context.Context, c *store.Connection, err error) error {
	kind := remote.KindOf(err)
	if kind != remote.CredentialRejected && kind != remote.MFARequired {
		return err
	}
	if paused := s.connectionReject(ctx, c); paused != nil {
		return errors.Join(err, fmt.Errorf("pause the connection: %w", paused))
	}
	return err
}

// connectionReject pauses a connection whose credential was not accepted,
// unless it was changed since.
func (s *Service) connectionReject(ctx context.Context, c *store.Connection) error {
	a := Actor{ID: "system", Role: store.RoleAdmin}
	_, _, err := transact(ctx, s, a, connectionName(c.Kind, c.Name), func(ctx context.Context, t *transaction) (struct{}, error) {
		is, err := t.Connection(ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return struct{}{}, nil
		}
		if err != nil || is.Version != c.Version || !is.Usable() {
			return struct{}{}, err
		}
		_, err = t.setConnectionState(ctx, is, store.ConnectionPaused, store.ConnectionRejected)
		return struct{}{}, err
	})
	return err
}

// setConnectionState pauses or resumes a connection, records it and tells of
// it.
func (t *transaction) setConnectionState(ctx context.Context, before store.Connection, state store.ConnectionState, reason store.ConnectionReason) (store.Connection, error) {
	after := before
	after.State, after.StateReason, after.StateAt, after.UpdatedAt = state, reason, t.Now(), t.Now()
	if err := t.UpdateConnection(ctx, after); err != nil {
		return before, err
	}
	after.Version++
	action := "connection.resume"
	if state == store.ConnectionPaused {
		action = "connection.pause"
	}
	t.recordConnection(action, &after, changedFacts(connectionFacts(&before), connectionFacts(&after)))
	t.connectionHappened(&before, &after)
	return after, nil
}

// connectionHappened emits that a connection is paused or no longer.
func (t *transaction) connectionHappened(before, after *store.Connection) {
	if before.State == after.State {
		return
	}
	kind := event.ConnectionResumed
	if after.State == store.ConnectionPaused {
		kind = event.ConnectionPaused
	}
	t.emit(kind, after.Namespace, event.ConnectionChange{
		Kind: string(after.Kind), Name: after.Name, Namespace: after.Namespace, Reason: string(after.StateReason), Actor: t.actor.ID,
	})
}

func (t *transaction) recordConnection(action string, c *store.Connection, d details) {
	t.record(c.Namespace, action, "connection:"+string(c.Kind)+"/"+c.Name, "", d)
}

// connectionFacts never hold the credential.
func connectionFacts(c *store.Connection) facts {
	f := facts{}
	f.text("description", c.Description)
	f.text("url", c.URL)
	f.text("account", c.Account)
	f.text("ca", c.CA)
	f.text("server_name", c.ServerName)
	f.texts("logins", c.Logins)
	f.texts("scopes", c.Scopes)
	if len(c.Settings) > 0 {
		f["settings"] = maps.Clone(c.Settings)
	}
	f.text("state", string(c.State))
	f.text("state_reason", string(c.StateReason))
	return f
}

// clonedConnection is a copy that shares nothing with the original.
func clonedConnection(c store.Connection) store.Connection {
	c.Logins, c.Scopes, c.Settings = slices.Clone(c.Logins), slices.Clone(c.Scopes), maps.Clone(c.Settings)
	return c
}
