package management

import (
	"context"

	"credence/store"
)

// NamespaceDelete is the input of [Service.NamespaceDelete].
type NamespaceDelete struct {
	Name    string
	Version int64 // 0: whatever it is now
}

// NamespaceDelete removes an empty namespace. Only global actors may.
func (s *Service) NamespaceDelete(ctx context.Context, a Actor, in NamespaceDelete) (store.Position, error) {
	return store.Position{}, errUnwritten
}
