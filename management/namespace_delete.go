package management

import (
	"context"
	"errors"

	"credence/store"
)

// NamespaceDelete is the input of [Service.NamespaceDelete].
type NamespaceDelete struct {
	Name    string
	Version int64 // 0: whatever it is now
}

// namespaceDeleted is the last that the chain of a namespace tells.
const namespaceDeleted = "namespace.delete"

// NamespaceDelete removes an empty namespace. Only global actors may. Its name is
// not given again while the audit log tells of it. The
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
		if err := t.unnamed(ctx, what, n.Name); err != nil {
			return store.Namespace{}, err
		}
		if err := t.noPolicyNames(ctx, n.Name); err != nil {
			return store.Namespace{}, err
		}
		if err := t.untold(ctx, what, n.Name); err != nil {
			return store.Namespace{}, err
		}
		if err := t.unreported(ctx, what, n.Name); err != nil {
			return store.Namespace{}, err
		}
		if err := t.DeleteNamespace(ctx, n.Name, n.Version); errors.Is(err, store.ErrReferenced) {
			return store.Namespace{}, refuse(CodeInUse, "%s: still in use: keys, owners, plans, key policies, blacklist rules or connections live in it; remove them first", what)
		} else if err != nil {
			return store.Namespace{}, err
		}
		t.record(n.Name, namespaceDeleted, "namespace:"+n.Name, "", details{Before: namespaceFacts(&n)})
		return n, nil
	})
	return position, err
}

// unnamed refuses while a usable admin token is limited to the namespace: who
// made one of that name again would let its holder in.
func (t *transaction) unnamed(ctx context.Context, what, namespace string) error {
	naming, _, err := t.Tokens(ctx, store.TokenFilter{Naming: namespace, UsableAt: t.Now()}, store.Page{Limit: 1})
	if err != nil || len(naming) == 0 {
		return err
	}
	return refuse(CodeInUse, "%s: still in use: admin token %s is limited to it; revoke that first", what, naming[0].ID)
}

// untold refuses while a webhook is told of what happens in the namespace.
func (t *transaction) untold(ctx context.Context, what, namespace string) error {
	hooks, _, err := t.Webhooks(ctx, []string{namespace}, store.Page{Limit: 1})
	if err != nil || len(hooks) == 0 {
		return err
	}
	return refuse(CodeInUse, "%s: still in use: webhook %s is told of it; delete that first", what, hooks[0].ID)
}
