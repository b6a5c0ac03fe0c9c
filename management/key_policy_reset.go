package management

import (
	"context"

	"credence/store"
)

// KeyPolicyReset is the input of [Service.KeyPolicyReset].
type KeyPolicyReset struct {
	Namespace string
	KeyType   string
	Version   int64 // 0: whatever it is now
}

// KeyPolicyReset has a namespace keep to the policy of all namespaces again.
func (s *Service) KeyPolicyReset(ctx context.Context, a Actor, in KeyPolicyReset) error {
	what := "key policy " + quoted(in.KeyType)
	if in.Namespace == "" {
		return refuse(CodeConflict, "%s: that of all namespaces cannot go; change it, or name a namespace", what)
	}
	_, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.KeyPolicy, error) {
		before, err := t.policyToChange(ctx, in.Namespace, in.KeyType)
		switch {
		case err != nil:
			return before, err
		case before.Namespace != in.Namespace:
			return before, refuse(CodeNotFound, "%s: namespace %s has none of its own", what, quoted(in.Namespace))
		}
		if err := checkVersion(what, in.Version, before.Version); err != nil {
			return before, err
		}
		if err := t.DeleteKeyPolicy(ctx, in.Namespace, before.KeyType, before.Version); err != nil {
			return before, err
		}
		t.record(in.Namespace, "key_policy.reset", "key_policy:"+in.KeyType, "", details{Before: policyFacts(&before)})
		return before, nil
	})
	return err
}
