package management

import (
	"context"

	"credence/store"
)

// ConnectionRead reads one connection that the actor may use.
func (s *Service) ConnectionRead(ctx context.Context, a Actor, kind store.ConnectionKind, name string) (store.Connection, error) {
	return readConnection(ctx, s.store, a, kind, name)
}
