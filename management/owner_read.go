package management

import (
	"context"

	"credence/store"
)

// OwnerRead reads one owner; namespace "" means "default".
func (s *Service) OwnerRead(ctx context.Context, a Actor, namespace, name string) (store.Owner, error) {
	return readOwner(ctx, s.store, a, namespace, name)
}

// owner reads an owner that the actor may see.
func (t *transaction) owner(ctx context.Context, namespace, name string) (store.Owner, error) {
	return readOwner(ctx, t, t.actor, namespace, name)
}

func readOwner(ctx context.Context, r store.OwnerReader, a Actor, namespace, name string) (store.Owner, error) {
	namespace = orDefault(namespace, store.DefaultNamespace)
	what := "owner " + quoted(name)
	if !a.May(namespace) {
		return store.Owner{}, notFound(what)
	}
	o, err := r.Owner(ctx, namespace, name)
	if err != nil {
		return store.Owner{}, failed(what, err)
	}
	return o, nil
}
