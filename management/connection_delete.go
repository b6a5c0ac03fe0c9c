package management

import (
	"context"

	"credence/store"
)

// ConnectionDelete is the input of [Service.ConnectionDelete].
type ConnectionDelete struct {
	Kind    store.ConnectionKind
	Name    string
	Version int64 // 0: whatever it is now
}

// ConnectionDelete removes a connection that nothing was made over. Only
// global actors may.
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
		if err := t.DeleteConnection(ctx, c.ID, c.Version); err != nil {
			return struct{}{}, err
		}
		t.recordConnection("connection.delete", &c, details{Before: connectionFacts(&c)})
		return struct{}{}, nil
	})
	return err
}
