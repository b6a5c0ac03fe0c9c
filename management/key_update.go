package management

import (
	"context"
	"errors"
	"time"

	"credence/store"
)

// KeyUpdate is the input of [Service.KeyUpdate]. Namespace, key type and
// environment of a key never change: they are part of what was handed out.
type KeyUpdate struct {
	KeyID   string
	Version int64 // that the change is based on; required

	Name      Patch[string]
	Owner     Patch[string]
	Plan      Patch[string]
	Scopes    Patch[[]string]
	Limits    Patch[[]LimitInput]
	Quotas    Patch[[]QuotaInput]
	Networks  Patch[[]string]
	Hosts     Patch[[]string]
	Methods   Patch[[]string]
	Paths     Patch[[]string]
	Labels    Patch[map[string]string]
	NotBefore Patch[time.Time]
	ExpiresAt Patch[time.Time]
	ExpiresIn Patch[string] // a Go duration from now; not together with ExpiresAt
	// RotateEvery is a Go duration; none leaves it to the policy.
	RotateEvery Patch[string]
}

// KeyChanged is the answer of everything that changes a key.
type KeyChanged struct {
	Key      store.Key
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// KeyUpdate changes what a key is called, what it may do and how long it
// lives. A revoked key stays as it was.
func (s *Service) KeyUpdate(ctx context.Context, a Actor, in KeyUpdate) (KeyChanged, error) {
	what := "key " + quoted(in.KeyID)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (KeyChanged, error) {
		before, err := t.key(ctx, in.KeyID)
		if err != nil {
			return KeyChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version),
			mutable(what, &before)); err != nil {
			return KeyChanged{}, err
		}
		after, err := t.patchedKey(ctx, &in, before)
		if err != nil {
			return KeyChanged{}, err
		}
		d := changedFacts(keyFacts(&before), keyFacts(&after))
		if d.none() {
			return KeyChanged{Key: before}, nil
		}
		return t.updateKey(ctx, "key.update", after, d)
	})
	if err != nil {
		return KeyChanged{}, err
	}
	out.Position = position
	return out, nil
}

// patchedKey answers the key with the patch applied, all of it checked.
func (t *transaction) patchedKey(ctx context.Context, in *KeyUpdate, k store.Key) (store.Key, error) {
	p, before := &problems{now: t.Now()}, k
	patch(&k.Name, in.Name, p.name)
	patch(&k.Scopes, in.Scopes, p.scopes)
	patch(&k.Limits, in.Limits, p.limits)
	patch(&k.Quotas, in.Quotas, p.quotas)
	p.budgets(k.Limits, k.Quotas)
	patch(&k.Networks, in.Networks, p.networks)
	patch(&k.Hosts, in.Hosts, p.hosts)
	patch(&k.Methods, in.Methods, p.methods)
	patch(&k.Paths, in.Paths, p.paths)
	patch(&k.Labels, in.Labels, p.labels)
	patch(&k.RotateEvery, in.RotateEvery, p.rotateEvery)
	patch(&k.NotBefore, in.NotBefore, func(v time.Time) time.Time { return p.instant("not_before", v) })
	if in.ExpiresAt.present || in.ExpiresIn.present {
		k.ExpiresAt = p.end("expires_at", in.ExpiresAt.value, "expires_in", in.ExpiresIn.value)
	}
	if in.ExpiresAt.present || in.ExpiresIn.present || in.NotBefore.present {
		p.order(k.NotBefore, k.ExpiresAt)
	}
	patch(&k.Plan, in.Plan, func(v string) string { return v })
	if in.Plan.present {
		if err := t.planExists(ctx, p, &k); err != nil {
			return store.Key{}, err
		}
	}
	patch(&k.Owner, in.Owner, func(v string) string { return v })
	if in.Owner.present {
		if err := t.ownerExists(ctx, p, &k); err != nil {
			return store.Key{}, err
		}
	}
	var touched []string
	if in.ExpiresAt.present || in.ExpiresIn.present {
		touched = append(touched, "expires_at")
	}
	if in.Scopes.present {
		touched = append(touched, "scopes")
	}
	if err := t.keepPolicyStill(ctx, p, &before, &k, touched...); err != nil {
		return store.Key{}, err
	}
	return k, p.err("key " + quoted(k.KeyID))
}

// updateKey writes a changed key and records the action.
func (t *transaction) updateKey(ctx context.Context, action string, k store.Key, d details) (KeyChanged, error) {
	k.UpdatedAt = t.Now()
	if err := t.UpdateKey(ctx, k); err != nil {
		return KeyChanged{}, err
	}
	k.Version++
	t.recordKey(action, &k, d)
	return KeyChanged{Key: k, Changed: true}, nil
}
