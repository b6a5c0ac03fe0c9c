package management

import (
	"context"
	"time"

	"credence/store"
)

// KeyPolicyCheck is the input of [Service.KeyPolicyCheck].
type KeyPolicyCheck struct {
	Namespace string // "" for all that the actor may see
	KeyType   string // "" for all
	Page      PageInput
}

// KeyBreach is a key that breaks its policy, or is to be rotated by it.
type KeyBreach struct {
	Key      store.Key
	Breaches []FieldError
	// RotateBy is when the key is to have a successor; zero where that is not
	// near.
	RotateBy time.Time
}

// KeyBreachPage is a part of a list of such keys, newest first. It may be
// short, or empty, with more to come: the keys in between keep their policy.
type KeyBreachPage struct {
	Items []KeyBreach
	Next  store.Cursor // "" when nothing follows
}

// checkedPages bounds the keys that are looked at for one answer.
const checkedPages = 20

// KeyPolicyCheck lists the keys in force that break the policy of their type
// as it is now, and those that it wants rotated soon.
func (s *Service) KeyPolicyCheck(ctx context.Context, a Actor, in KeyPolicyCheck) (KeyBreachPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	f := store.KeyFilter{Status: store.StatusActive}
	if in.KeyType != "" {
		f.KeyType = p.keyType(in.KeyType)
	}
	if err := p.err("check keys"); err != nil {
		return KeyBreachPage{}, err
	}
	namespaces, some := a.visible(in.Namespace)
	if !some {
		return KeyBreachPage{}, nil
	}
	f.Namespaces = namespaces
	c := policyChecker{reader: s.store, now: s.now().UTC(), policies: map[string][]store.KeyPolicy{}}
	out := KeyBreachPage{Next: page.After}
	for range checkedPages {
		keys, next, err := s.store.Keys(ctx, f, store.Page{Limit: store.MaxPage, After: out.Next})
		if err != nil {
			return KeyBreachPage{}, failed("check keys", err)
		}
		out.Next = next
		for i := range keys {
			breach, err := c.check(ctx, &keys[i])
			if err != nil {
				return KeyBreachPage{}, failed("check keys", err)
			}
			if breach == nil {
				continue
			}
			if out.Items = append(out.Items, *breach); len(out.Items) == page.Size() {
				if i < len(keys)-1 {
					out.Next = store.Cursor(keys[i].KeyID)
				}
				return out, nil
			}
		}
		if next == "" {
			break
		}
	}
	return out, nil
}

// policyChecker reads the policies of each namespace once.
type policyChecker struct {
	reader   store.KeyPolicyReader
	now      time.Time
	policies map[string][]store.KeyPolicy
}

// check answers nil for a key that breaks nothing.
func (c *policyChecker) check(ctx context.Context, k *store.Key) (*KeyBreach, error) {
	if k.Expired(c.now) {
		return nil, nil //nolint:nilnil // nothing is broken
	}
	all, known := c.policies[k.Namespace]
	if !known {
		var err error
		if all, err = c.reader.KeyPolicies(ctx, k.Namespace); err != nil {
			return nil, err
		}
		c.policies[k.Namespace] = all
	}
	for i := range all {
		if all[i].KeyType != k.KeyType {
			continue
		}
		b := KeyBreach{Key: *k, Breaches: breaches(&all[i], k)}
		if by := rotateBy(&all[i], k); !by.IsZero() && !k.Rotated() && !c.now.Before(by.Add(-all[i].WarnBefore)) {
			b.RotateBy = by
		}
		if len(b.Breaches) > 0 || !b.RotateBy.IsZero() {
			return &b, nil
		}
	}
	return nil, nil //nolint:nilnil // nothing is broken
}

// RotationsDue answers when each of the keys is to have a successor, by itself or
// by its policy; those that are not to have one, or have one, are left out.
func (s *Service) RotationsDue(ctx context.Context, keys ...store.Key) (map[string]time.Time, error) {
	policies := map[string][]store.KeyPolicy{}
	due := map[string]time.Time{}
	for i := range keys {
		k := &keys[i]
		if k.Rotated() || k.Status == store.StatusRevoked || k.Status == store.StatusPurged {
			continue
		}
		all, known := policies[k.Namespace]
		if !known {
			var err error
			if all, err = s.store.KeyPolicies(ctx, k.Namespace); err != nil {
				return nil, failed("rotations due", err)
			}
			policies[k.Namespace] = all
		}
		for j := range all {
			if by := rotateBy(&all[j], k); all[j].KeyType == k.KeyType && !by.IsZero() {
				due[k.KeyID] = by
			}
		}
	}
	return due, nil
}
