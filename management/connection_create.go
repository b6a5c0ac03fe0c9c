package management

import (
	"context"

	"credence/store"
	"credence/store/credential"
)

// ConnectionCreate is the input of [Service.ConnectionCreate].
type ConnectionCreate struct {
	Kind        store.ConnectionKind
	Name        string // unique among those of the kind
	Namespace   string // whose actors may use it; "": only global ones
	Description string
	URL         string // base URL, may have a path
	Account     string
	Credential  credential.Text
	CA          string // PEM
	ServerName  string
	Logins      []string
	Scopes      []string
	Settings    map[string]string

	Idempotency Idempotency
}

// ConnectionCreated is the answer of [Service.ConnectionCreate].
type ConnectionCreated struct {
	Connection store.Connection
	Replayed   bool // made by an earlier, equal request
}

// ConnectionCreate notes the way to another program, and what it may be used
// for. Only global actors may. Nobody is called: see [Service.ConnectionCheck].
func (s *Service) ConnectionCreate(ctx context.Context, a Actor, in ConnectionCreate) (ConnectionCreated, error) {
	what := connectionName(in.Kind, in.Name)
	if !a.Global() {
		return ConnectionCreated{}, globalOnly(what, "made")
	}
	system, err := s.system(in.Kind)
	if err != nil {
		return ConnectionCreated{}, err
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (ConnectionCreated, error) {
		switch name, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return ConnectionCreated{}, err
		case name != "":
			c, err := readConnection(ctx, t, a, in.Kind, name)
			return ConnectionCreated{Connection: c, Replayed: true}, err
		}
		c, err := s.newConnection(ctx, t, system, &in)
		if err != nil {
			return ConnectionCreated{}, err
		}
		if err := s.sealCredential(&c, in.Credential); err != nil {
			return ConnectionCreated{}, err
		}
		if err := t.InsertConnection(ctx, c); err != nil {
			return ConnectionCreated{}, err
		}
		t.recordConnection("connection.create", &c, details{After: connectionFacts(&c)})
		return ConnectionCreated{Connection: c}, t.remember(ctx, in.Idempotency, c.Name)
	})
	return out, err
}

// newConnection checks the input and answers the connection it describes,
// without its credential.
func (s *Service) newConnection(ctx context.Context, t *transaction, system System, in *ConnectionCreate) (store.Connection, error) {
	what := connectionName(in.Kind, in.Name)
	p := &problems{now: t.Now()}
	if in.Namespace != "" {
		if _, err := t.home(ctx, p, in.Namespace); err != nil {
			return store.Connection{}, err
		}
	}
	id, err := store.NewID(store.ConnectionIDPrefix, t.Now(), s.random)
	if err != nil {
		return store.Connection{}, err
	}
	c := store.Connection{
		ID: id, Kind: in.Kind, Name: p.slug(in.Name), Namespace: in.Namespace, Description: p.description(in.Description),
		URL: p.baseURL(s.outgoing, in.URL), Account: p.account(in.Account), CA: p.authorities(in.CA), ServerName: p.serverName(in.ServerName),
		Logins: p.logins(in.Logins), Scopes: p.widestScopes(in.Scopes), Settings: p.settings(in.Settings),
		State: store.ConnectionActive, StateAt: t.Now(), CreatedBy: t.actor.ID, CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	p.credential(in.Credential)
	p.idempotencyKey(in.Idempotency)
	p.examined(system, &c)
	if err := p.err(what); err != nil {
		return store.Connection{}, err
	}
	there, _, err := t.Connections(ctx, in.Kind, nil, store.Page{Limit: maxConnections})
	if err == nil && len(there) >= maxConnections {
		err = refuse(CodeConflict, "%s: there are %d of the kind already, the most it may be; delete one first", what, maxConnections)
	}
	if err == nil {
		err = t.apartConnection(ctx, &c)
	}
	return c, err
}
