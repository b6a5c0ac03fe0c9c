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

// NamespaceDelete removes an empty namespace. Only global actors may. The
// namespace "default" stays: everything that names none lives there.
func (s *Service) NamespaceDelete(ctx context.Context, a Actor, in NamespaceDelete) (store.Position, error) {
	what := "namespace " + quoted(in.Name)
	if !a.Global() {
		return store.Position{}, globalOnly(what, "deleted")
	}
	if in.Name == store.DefaultNamespace {
		return store.Position{}, refuse(CodeConflict, "%s: cannot be deleted; what names no namespace lives there", what)
	}
	_, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Namespace, error) {
		n, err := readNamespace(ctx, t, a, in.Name)
		if err != nil {
			return store.Namespace{}, err
		}
		if err := checkVersion(what, in.Version, n.Version); err != nil {
			return store.Namespace{}, err
		}
		if err := t.DeleteNamespace(ctx, n.Name, n.Version); err != nil {
			return store.Namespace{}, err
		}
		t.record(n.Name, "namespace.delete", "namespace:"+n.Name, "", details{Before: namespaceFacts(&n)})
		return n, nil
	})
	return position, err
}
