package management

import (
	"context"
	"errors"

	"credence/store"
)

// NamespaceUpdate is the input of [Service.NamespaceUpdate].
type NamespaceUpdate struct {
	Name    string
	Version int64 // that the change is based on; required

	Description Patch[string]
	KeyPrefix   Patch[string] // for keys minted from now on; null: "crd"
	Environment Patch[string] // for keys minted from now on; null: "live"
}

// NamespaceChanged is the answer of [Service.NamespaceUpdate].
type NamespaceChanged struct {
	Namespace store.Namespace
	Changed   bool           // false: it was so already, nothing was recorded
	Position  store.Position // of the change; zero without one
}

// NamespaceUpdate changes a namespace. The name never changes.
func (s *Service) NamespaceUpdate(ctx context.Context, a Actor, in NamespaceUpdate) (NamespaceChanged, error) {
	what := "namespace " + quoted(in.Name)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (NamespaceChanged, error) {
		before, err := readNamespace(ctx, t, a, in.Name)
		if err != nil {
			return NamespaceChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return NamespaceChanged{}, err
		}
		after, p := before, &problems{}
		patch(&after.Description, in.Description, p.description)
		patch(&after.KeyPrefix, in.KeyPrefix, p.keyPrefix)
		patch(&after.Environment, in.Environment, p.environment)
		if err := p.err(what); err != nil {
			return NamespaceChanged{}, err
		}
		d := changedFacts(namespaceFacts(&before), namespaceFacts(&after))
		if d.none() {
			return NamespaceChanged{Namespace: before}, nil
		}
		after.UpdatedAt = t.Now()
		if err := t.UpdateNamespace(ctx, after); err != nil {
			return NamespaceChanged{}, err
		}
		after.Version++
		t.record(after.Name, "namespace.update", "namespace:"+after.Name, "", d)
		return NamespaceChanged{Namespace: after, Changed: true}, nil
	})
	if err != nil {
		return NamespaceChanged{}, err
	}
	out.Position = position
	return out, nil
}
