package management

import (
	"context"
	"fmt"
	"slices"
	"time"

	"credence/store"
)

// policyOf answers the policy that keys of the type have in the namespace.
func policyOf(ctx context.Context, r store.KeyPolicyReader, namespace string, keyType store.KeyType) (store.KeyPolicy, error) {
	all, err := r.KeyPolicies(ctx, namespace)
	if err != nil {
		return store.KeyPolicy{}, fmt.Errorf("key policy: %w", err)
	}
	for i := range all {
		if all[i].KeyType == keyType {
			return all[i], nil
		}
	}
	return store.KeyPolicy{}, fmt.Errorf("key policy of %s: %w", keyType, store.ErrNotFound)
}

// policy is policyOf, read once in a transaction: an import makes many keys.
func (t *transaction) policy(ctx context.Context, namespace string, keyType store.KeyType) (store.KeyPolicy, error) {
	of := policyFor{namespace, keyType}
	if p, known := t.policies[of]; known {
		return p, nil
	}
	p, err := policyOf(ctx, t, namespace, keyType)
	if err == nil {
		if t.policies == nil {
			t.policies = make(map[policyFor]store.KeyPolicy)
		}
		t.policies[of] = p
	}
	return p, err
}

// policyFor is whose policy it is.
type policyFor struct {
	namespace string
	keyType   store.KeyType
}

// keepPolicy holds a new key to the policy of its type: it gets the default
// life if it names no end, and what it breaks is noted. Whatever makes keys
// calls it, last of its checks.
func (t *transaction) keepPolicy(ctx context.Context, p *problems, k *store.Key) error {
	if k.KeyType == "" { // noted already
		return nil
	}
	policy, err := t.policy(ctx, k.Namespace, k.KeyType)
	if err != nil {
		return err
	}
	if k.ExpiresAt.IsZero() && policy.DefaultLife > 0 {
		k.ExpiresAt = t.Now().Add(policy.DefaultLife)
	}
	p.fields = append(p.fields, breaches(&policy, k)...)
	return nil
}

// keepPolicyElsewhere is keepPolicy for what another program knows as a key: why
// it is there is said in its description, since it has no other field for it.
func (t *transaction) keepPolicyElsewhere(ctx context.Context, p *problems, as *store.Key) error {
	before := len(p.fields)
	err := t.keepPolicy(ctx, p, as)
	for i := range p.fields[before:] {
		if f := &p.fields[before+i]; f.Field == "reason" {
			f.Field, f.Remedy = "description", "say it there"
		}
	}
	return err
}

// keepPolicyStill holds a changed key to the policy of its type. What it broke
// before, when the policy was another, it may go on breaking unless the change
// is about that: nobody is kept from making a key better.
func (t *transaction) keepPolicyStill(ctx context.Context, p *problems, before, after *store.Key, touched ...string) error {
	policy, err := t.policy(ctx, after.Namespace, after.KeyType)
	if err != nil {
		return err
	}
	broken := breaches(&policy, before)
	for _, b := range breaches(&policy, after) {
		was := slices.ContainsFunc(broken, func(f FieldError) bool { return f.Field == b.Field })
		if !was || slices.Contains(touched, b.Field) {
			p.fields = append(p.fields, b)
		}
	}
	return nil
}

// breaches says which rules of the policy a key breaks, by the field that
// would mend it.
func breaches(p *store.KeyPolicy, k *store.Key) []FieldError {
	var out []FieldError
	add := func(field, problem, remedy string) {
		out = append(out, FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	whose := " keys by the policy of " + orDefault(p.Namespace, "all namespaces")
	switch {
	case k.ExpiresAt.IsZero() && p.LongestLife > 0:
		add("expires_at", fmt.Sprintf("is missing: %s%s live %s at most", p.KeyType, whose, p.LongestLife), "give an end, or expires_in")
	case k.ExpiresAt.IsZero() && p.ExpiryRequired:
		add("expires_at", fmt.Sprintf("is missing: %s%s have an end", p.KeyType, whose), "give an end, or expires_in")
	case p.LongestLife > 0 && k.ExpiresAt.Sub(k.CreatedAt) > p.LongestLife:
		add("expires_at", fmt.Sprintf("is too late: %s%s live %s at most", p.KeyType, whose, p.LongestLife),
			"let it end by "+k.CreatedAt.Add(p.LongestLife).Format(time.RFC3339))
	}
	if p.ScopesRequired && len(k.Scopes) == 0 {
		add("scopes", fmt.Sprintf("is empty: %s%s have scopes", p.KeyType, whose), "name what the key may do")
	}
	if p.ReasonRequired && k.StatusReason == "" {
		add("reason", fmt.Sprintf("is missing: %s%s say why they are there", p.KeyType, whose), "give a reason")
	}
	return out
}

// rotateBy is when a key is to have a successor; zero for never.
// A key's own interval stands above that of its policy.
func rotateBy(p *store.KeyPolicy, k *store.Key) time.Time {
	every := p.RotateEvery
	if k.RotateEvery > 0 {
		every = k.RotateEvery
	}
	if every == 0 {
		return time.Time{}
	}
	return k.CreatedAt.Add(every)
}
