package management

import (
	"context"
	"errors"

	"credence/management/remote"
	"credence/store"
)

// ConnectionChecked is the answer of [Service.ConnectionCheck].
type ConnectionChecked struct {
	Connection store.Connection
	Report     remote.Report
	// Problem is why the program was not reached or did not let the connection
	// in; nil when it did.
	Problem *remote.Error
}

// Fine reports whether the connection can do its work.
func (c *ConnectionChecked) Fine() bool { return c.Problem == nil && len(c.Report.Missing) == 0 }

// ConnectionCheck calls the program of a connection and says its version, what
// the connection may do there and what it lacks. Only global actors may: the
// answer has the words of the program. A connection that was paused because
// its credential was not accepted, and is accepted now, is used again.
func (s *Service) ConnectionCheck(ctx context.Context, a Actor, kind store.ConnectionKind, name string) (ConnectionChecked, error) {
	what := connectionName(kind, name)
	if !a.Global() {
		return ConnectionChecked{}, globalOnly(what, "checked")
	}
	system, err := s.system(kind)
	if err != nil {
		return ConnectionChecked{}, err
	}
	c, err := readConnection(ctx, s.store, a, kind, name)
	if err != nil {
		return ConnectionChecked{}, err
	}
	t, err := s.target(&c)
	if err != nil {
		return ConnectionChecked{}, err
	}
	checked := ConnectionChecked{}
	checked.Report, err = system.Check(ctx, t)
	if err = s.calledBack(ctx, &c, err); err != nil {
		e, ok := errors.AsType[*remote.Error](err)
		if !ok {
			return ConnectionChecked{}, failed(what, err)
		}
		checked.Problem = e
	}
	checked.Connection, err = s.noteCheck(ctx, a, &c, &checked)
	return checked, err
}

// noteCheck records what a check found.
func (s *Service) noteCheck(ctx context.Context, a Actor, c *store.Connection, checked *ConnectionChecked) (store.Connection, error) {
	out, _, err := transact(ctx, s, a, connectionName(c.Kind, c.Name), func(ctx context.Context, t *transaction) (store.Connection, error) {
		is, err := readConnection(ctx, t, a, c.Kind, c.Name)
		if err != nil {
			return store.Connection{}, err
		}
		f := facts{}
		f.text("server_version", checked.Report.ServerVersion)
		if checked.Problem != nil {
			f.text("problem", string(checked.Problem.Kind))
		}
		f.texts("missing", texts(checked.Report.Missing, func(m remote.Missing) string { return m.What }))
		t.recordConnection("connection.check", &is, details{After: f})
		if checked.Problem == nil {
			is.Seen = store.ConnectionSeen{At: t.Now(), ServerVersion: checked.Report.ServerVersion}
			if err := t.SetConnectionSeen(ctx, is.ID, is.Seen); err != nil {
				return store.Connection{}, err
			}
			// Its version has gone on when it was paused meanwhile by another call.
			if is.StateReason == store.ConnectionRejected && is.Version == c.Version {
				return t.setConnectionState(ctx, is, store.ConnectionActive, "")
			}
		}
		return is, nil
	})
	return out, err
}
