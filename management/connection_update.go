package management

import (
	"context"
	"errors"

	"credence/store"
	"credence/store/credential"
)

// ConnectionUpdate is the input of [Service.ConnectionUpdate].
type ConnectionUpdate struct {
	Kind    store.ConnectionKind
	Name    string
	Version int64 // that the change is based on; required

	Description Patch[string]
	URL         Patch[string] // needs the credential anew
	Account     Patch[string]
	Credential  Patch[credential.Text]
	CA          Patch[string]
	ServerName  Patch[string]
	Logins      Patch[[]string]
	Scopes      Patch[[]string]
	Settings    Patch[map[string]string]
	Paused      Patch[bool]
}

// ConnectionChanged is the answer of what changes a connection.
type ConnectionChanged struct {
	Connection store.Connection
	Changed    bool // false: it was so already, nothing was recorded
}

// ConnectionUpdate changes where a connection leads, its credential or what it
// may be used for. Only global actors may. A credential is never sent to
// another address than the one it was given for, so another URL, account,
// authority or name of the server needs it anew;
// while credentials that were made over it are known it keeps its URL.
// What was made over the connection before stays as it is.
func (s *Service) ConnectionUpdate(ctx context.Context, a Actor, in ConnectionUpdate) (ConnectionChanged, error) {
	what := connectionName(in.Kind, in.Name)
	if !a.Global() {
		return ConnectionChanged{}, globalOnly(what, "changed")
	}
	system, err := s.system(in.Kind)
	if err != nil {
		return ConnectionChanged{}, err
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (ConnectionChanged, error) {
		before, err := readConnection(ctx, t, a, in.Kind, in.Name)
		if err != nil {
			return ConnectionChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return ConnectionChanged{}, err
		}
		after, err := s.patchedConnection(t, system, &in, before)
		if err != nil {
			return ConnectionChanged{}, err
		}
		if err := errors.Join(t.keepConnectionPlace(ctx, &before, &after), t.apartConnection(ctx, &after)); err != nil {
			return ConnectionChanged{}, err
		}
		d := changedFacts(connectionFacts(&before), connectionFacts(&after))
		if in.Credential.present {
			if err := s.sealCredential(&after, in.Credential.value); err != nil {
				return ConnectionChanged{}, err
			}
			d.After["credential"] = "changed"
		}
		if d.none() {
			return ConnectionChanged{Connection: before}, nil
		}
		after.UpdatedAt = t.Now()
		if err := t.UpdateConnection(ctx, after); err != nil {
			return ConnectionChanged{}, err
		}
		after.Version++
		t.recordConnection("connection.update", &after, d)
		t.connectionHappened(&before, &after)
		return ConnectionChanged{Connection: after, Changed: true}, nil
	})
	return out, err
}

// keepConnectionPlace refuses another URL while credentials are known that were
// made over the connection: they would be looked for, tried out and deleted at
// a server that never had them. Where they are those of the account, the same
// holds of that.
func (t *transaction) keepConnectionPlace(ctx context.Context, before, after *store.Connection) error {
	field := "url"
	if after.URL == before.URL {
		if field = "account"; !before.Kind.OwnAccount() || after.Account == before.Account {
			return nil
		}
	}
	known, _, err := t.OutsideCredentials(ctx, before.Kind.System(), store.OutsideFilter{ConnectionID: before.ID}, store.Page{Limit: 1})
	if err == nil && len(known) > 0 {
		err = refuse(CodeInUse, "%s: %s cannot be changed while credentials are known that were made over it: they are at the old one; make another connection for the new one, or delete them first",
			connectionName(before.Kind, before.Name), field)
	}
	return err
}

// patchedConnection is the connection as the update wants it, checked.
func (s *Service) patchedConnection(t *transaction, system System, in *ConnectionUpdate, before store.Connection) (store.Connection, error) {
	p, after := &problems{now: t.Now()}, clonedConnection(before)
	patch(&after.Description, in.Description, p.description)
	patch(&after.URL, in.URL, func(v string) string { return p.baseURL(s.outgoing, v) })
	patch(&after.Account, in.Account, p.account)
	patch(&after.CA, in.CA, p.authorities)
	patch(&after.ServerName, in.ServerName, p.serverName)
	if after.Kind.OwnAccount() && in.Account.present { // they are the account, unless somebody says otherwise
		after.Logins = nil
	}
	patch(&after.Logins, in.Logins, p.logins)
	patch(&after.Scopes, in.Scopes, p.widestScopes)
	patch(&after.Settings, in.Settings, p.settings)
	switch {
	case in.Credential.present:
		p.credential(in.Credential.value)
	case string(store.ConnectionAssociatedData(&after)) != string(store.ConnectionAssociatedData(&before)):
		p.add("credential", "is missing", "give it anew with another url, account, ca or server_name: the stored one is not sent elsewhere")
	}
	state, reason := before.State, before.StateReason
	switch {
	case in.Paused.present && in.Paused.value && state == store.ConnectionActive:
		state, reason = store.ConnectionPaused, store.ConnectionByPerson
	case in.Paused.present && !in.Paused.value, in.Credential.present && reason == store.ConnectionRejected:
		state, reason = store.ConnectionActive, ""
	}
	if state != before.State {
		after.State, after.StateReason, after.StateAt = state, reason, t.Now()
	}
	p.examined(system, &after)
	return after, p.err(connectionName(in.Kind, in.Name))
}
