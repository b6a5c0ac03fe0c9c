package management

import (
	"context"

	"credence/store"
)

// NamespaceRead reads one namespace.
func (s *Service) NamespaceRead(ctx context.Context, a Actor, name string) (store.Namespace, error) {
	return readNamespace(ctx, s.store, a, name)
}

func readNamespace(ctx context.Context, r store.NamespaceReader, a Actor, name string) (store.Namespace, error) {
	what := "namespace " + quoted(name)
	if !a.May(name) {
		return store.Namespace{}, notFound(what)
	}
	n, err := r.Namespace(ctx, name)
	if err != nil {
		return store.Namespace{}, failed(what, err)
	}
	return n, nil
}
