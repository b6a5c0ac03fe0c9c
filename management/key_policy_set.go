package management

import (
	"context"
	"errors"
	"slices"
	"time"

	"credence/store"
)

// maxLife is the longest length of time that a policy may name.
const maxLife = 100 * 365 * 24 * time.Hour

// KeyPolicySet is the input of [Service.KeyPolicySet]. Lengths of time are Go
// durations; "0s" is none.
type KeyPolicySet struct {
	Namespace string // "" for all that have none of their own
	KeyType   string
	Version   int64 // of the policy that holds there now; required

	LongestLife    Patch[string]
	DefaultLife    Patch[string]
	RotateEvery    Patch[string]
	WarnBefore     Patch[string]
	ExpiryRequired Patch[bool]
	ScopesRequired Patch[bool]
	ReasonRequired Patch[bool]
}

// KeyPolicySet changes what keys of a type are held to from now on. A
// namespace that kept to the policy of all gets its own, a copy with the
// change. Keys that are there already stay as they are: [Service.KeyPolicyCheck]
// lists those that break it.
func (s *Service) KeyPolicySet(ctx context.Context, a Actor, in KeyPolicySet) (store.KeyPolicy, error) {
	what := "key policy " + quoted(in.KeyType)
	if in.Namespace == "" && !a.Global() {
		return store.KeyPolicy{}, refuse(CodeForbidden,
			"%s: that of all namespaces can be changed only by a token that is not limited to namespaces; name one of yours", what)
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.KeyPolicy, error) {
		before, err := t.policyToChange(ctx, in.Namespace, in.KeyType)
		if err != nil {
			return store.KeyPolicy{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return store.KeyPolicy{}, err
		}
		after, err := in.patched(what, before)
		if err != nil {
			return store.KeyPolicy{}, err
		}
		if err := t.notBelowGlobal(ctx, what, &before, &after, in.Namespace); err != nil {
			return store.KeyPolicy{}, err
		}
		d := changedFacts(policyFacts(&before), policyFacts(&after))
		if d.none() {
			return before, nil
		}
		after.UpdatedAt = t.Now()
		if before.Namespace == in.Namespace {
			err = t.UpdateKeyPolicy(ctx, after)
		} else {
			// With a version of its own: whoever read the other has not read this.
			after.Namespace = in.Namespace
			insert := after
			insert.Version++
			err = t.InsertKeyPolicy(ctx, insert)
		}
		after.Version++
		t.record(in.Namespace, "key_policy.set", "key_policy:"+in.KeyType, "", d)
		return after, err
	})
	return out, err
}

func (t *transaction) policyToChange(ctx context.Context, namespace, keyType string) (store.KeyPolicy, error) {
	if err := seenNamespace(ctx, t, t.actor, namespace); err != nil {
		return store.KeyPolicy{}, err
	}
	if !slices.Contains(store.KeyTypes(), store.KeyType(keyType)) {
		return store.KeyPolicy{}, noKeyType(keyType)
	}
	return policyOf(ctx, t, namespace, store.KeyType(keyType))
}

// notBelowGlobal refuses what a namespace's own admin loosens beyond the policy
// of all: that is a floor for everybody but global admins. What the change does
// not touch stays as a global admin may have allowed it.
func (t *transaction) notBelowGlobal(ctx context.Context, what string, before, after *store.KeyPolicy, namespace string) error {
	if namespace == "" || t.actor.Global() {
		return nil
	}
	floor, err := policyOf(ctx, t, "", after.KeyType)
	if err != nil {
		return err
	}
	p := &problems{}
	const remedy = "keep to it, or ask a global admin for an exception"
	for _, length := range []struct {
		field             string
		floor, was, wants time.Duration
	}{
		{"longest_life", floor.LongestLife, before.LongestLife, after.LongestLife},
		{"rotate_every", floor.RotateEvery, before.RotateEvery, after.RotateEvery},
	} {
		if length.wants != length.was && length.floor > 0 && (length.wants == 0 || length.wants > length.floor) {
			p.add(length.field, "is longer than the policy of all namespaces allows, "+length.floor.String(), remedy)
		}
	}
	for _, rule := range []struct {
		field             string
		floor, was, wants bool
	}{
		{"expiry_required", floor.ExpiryRequired, before.ExpiryRequired, after.ExpiryRequired},
		{"scopes_required", floor.ScopesRequired, before.ScopesRequired, after.ScopesRequired},
		{"reason_required", floor.ReasonRequired, before.ReasonRequired, after.ReasonRequired},
	} {
		if rule.wants != rule.was && rule.floor && !rule.wants {
			p.add(rule.field, "is demanded by the policy of all namespaces", remedy)
		}
	}
	return p.err(what)
}

// patched answers the policy with the patch applied, all of it checked.
func (in *KeyPolicySet) patched(what string, k store.KeyPolicy) (store.KeyPolicy, error) {
	p := &problems{}
	length := func(field string) func(string) time.Duration {
		return func(v string) time.Duration { return p.span(field, orDefault(v, "0s"), 0, maxLife) }
	}
	same := func(v bool) bool { return v }
	patch(&k.LongestLife, in.LongestLife, length("longest_life"))
	patch(&k.DefaultLife, in.DefaultLife, length("default_life"))
	patch(&k.RotateEvery, in.RotateEvery, length("rotate_every"))
	patch(&k.WarnBefore, in.WarnBefore, length("warn_before"))
	patch(&k.ExpiryRequired, in.ExpiryRequired, same)
	patch(&k.ScopesRequired, in.ScopesRequired, same)
	patch(&k.ReasonRequired, in.ReasonRequired, same)
	if len(p.fields) == 0 && k.LongestLife > 0 && k.DefaultLife > k.LongestLife {
		p.add("default_life", "is longer than longest_life, "+k.LongestLife.String(), "shorten it, or let keys live longer")
	}
	return k, p.err(what)
}

func policyFacts(k *store.KeyPolicy) facts {
	f := facts{}
	for _, length := range []struct {
		name string
		of   time.Duration
	}{
		{"longest_life", k.LongestLife},
		{"default_life", k.DefaultLife},
		{"rotate_every", k.RotateEvery},
		{"warn_before", k.WarnBefore},
	} {
		if length.of > 0 {
			f[length.name] = length.of.String()
		}
	}
	for name, of := range map[string]bool{
		"expiry_required": k.ExpiryRequired, "scopes_required": k.ScopesRequired, "reason_required": k.ReasonRequired,
	} {
		if of {
			f[name] = true
		}
	}
	return f
}
