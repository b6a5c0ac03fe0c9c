package management

import (
	"context"
	"errors"

	"credence/store"
)

// ConnectionDelete is the input of [Service.ConnectionDelete].
type ConnectionDelete struct {
	Kind    store.ConnectionKind
	Name    string
	Force   bool  // forget what was made over it; on the server it stays
	Version int64 // 0: whatever it is now
}

// ConnectionDelete removes a connection that nothing was made over, or that
// together with what is known of it. Only global actors may.
func (s *Service) ConnectionDelete(ctx context.Context, a Actor, in ConnectionDelete) error {
	what := connectionName(in.Kind, in.Name)
	if !a.Global() {
		return globalOnly(what, "deleted")
	}
	_, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (struct{}, error) {
		c, err := readConnection(ctx, t, a, in.Kind, in.Name)
		if err != nil {
			return struct{}{}, err
		}
		if err := checkVersion(what, in.Version, c.Version); err != nil {
			return struct{}{}, err
		}
		f := connectionFacts(&c)
		if in.Force {
			forgotten, err := t.DeleteOutsideCredentials(ctx, c.Kind.System(), c.ID)
			if err != nil {
				return struct{}{}, err
			}
			f["forgotten"] = forgotten
		}
		err = t.DeleteConnection(ctx, c.ID, c.Version)
		if errors.Is(err, store.ErrReferenced) {
			err = refuse(CodeInUse, "%s: still in use: credentials were made over it; delete them first, or set force to forget them: on the server they stay", what)
		}
		if err != nil {
			return struct{}{}, err
		}
		t.recordConnection("connection.delete", &c, details{Before: f})
		return struct{}{}, nil
	})
	return err
}
