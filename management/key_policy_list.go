package management

import (
	"context"

	"credence/store"
)

// KeyPolicyList answers the policy of each key type in the namespace: its own
// where it has one, else the one of all namespaces, which "" asks for.
func (s *Service) KeyPolicyList(ctx context.Context, a Actor, namespace string) ([]store.KeyPolicy, error) {
	return s.keyPolicies(ctx, a, namespace)
}

func (s *Service) keyPolicies(ctx context.Context, a Actor, namespace string) ([]store.KeyPolicy, error) {
	if err := seenNamespace(ctx, s.store, a, namespace); err != nil {
		return nil, err
	}
	all, err := s.store.KeyPolicies(ctx, namespace)
	if err != nil {
		return nil, failed("key policies", err)
	}
	return all, nil
}

// seenNamespace is nil for a namespace that is there and that the actor may
// see, and for "": what holds everywhere is no secret.
func seenNamespace(ctx context.Context, r store.NamespaceReader, a Actor, name string) error {
	if name == "" {
		return nil
	}
	what := "namespace " + quoted(name)
	if !a.May(name) {
		return notFound(what)
	}
	_, err := r.Namespace(ctx, name)
	return failed(what, err)
}
