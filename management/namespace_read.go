package management

import (
	"context"

	"credence/store"
)

// NamespaceRead reads one namespace.
func (s *Service) NamespaceRead(ctx context.Context, a Actor, name string) (store.Namespace, error) {
	return store.Namespace{}, errUnwritten
}
