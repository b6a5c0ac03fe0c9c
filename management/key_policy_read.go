package management

import (
	"context"

	"credence/store"
)

// KeyPolicyRead answers the policy of one key type in the namespace.
func (s *Service) KeyPolicyRead(ctx context.Context, a Actor, namespace, keyType string) (store.KeyPolicy, error) {
	all, err := s.keyPolicies(ctx, a, namespace)
	if err != nil {
		return store.KeyPolicy{}, err
	}
	for i := range all {
		if string(all[i].KeyType) == keyType {
			return all[i], nil
		}
	}
	return store.KeyPolicy{}, noKeyType(keyType)
}

func noKeyType(keyType string) error {
	return refuse(CodeNotFound, "key policy: %s is no key type; use one of %s", quoted(keyType), listed(store.KeyTypes()))
}
