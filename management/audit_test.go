package management_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/management"
	"credence/store"
)

// journal runs random use-cases and knows how many entries each chain must
// have afterwards.
type journal struct {
	*fixture

	want   map[string]int
	keys   []store.Key
	rules  []store.BlacklistRule
	tokens []store.Token
}

// note counts one entry for a change that succeeded.
func (j *journal) note(namespace string, changed bool, err error) {
	if err == nil && changed {
		j.want[namespace]++
	}
}

func (j *journal) aKey(t *rapid.T) string {
	if len(j.keys) == 0 {
		return "key_none"
	}
	return rapid.SampledFrom(j.keys).Draw(t, "key").KeyID
}

func (j *journal) namespaceOf(keyID string) string {
	for _, k := range j.keys {
		if k.KeyID == keyID {
			return k.Namespace
		}
	}
	return ""
}

// step is one random use-case. Many of them fail: names are taken, versions
// stale, keys revoked; those must leave no entry.
func (j *journal) step(ctx context.Context, t *rapid.T) {
	namespace := rapid.SampledFrom([]string{"a", "b", "nowhere"}).Draw(t, "namespace")
	name := rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "name")
	version := rapid.Int64Range(0, 3).Draw(t, "version")
	keyID := j.aKey(t)
	status := management.KeyStatusChange{KeyID: keyID, Reason: name, Version: version % 2}
	steps := []func(){
		func() {
			in := management.KeyCreate{Namespace: namespace, Name: name, Plan: rapid.SampledFrom([]string{"", "x"}).Draw(t, "plan")}
			if rapid.Bool().Draw(t, "short") {
				in.ExpiresIn = "1m"
			}
			made, err := j.KeyCreate(ctx, global, in)
			if err == nil {
				j.keys = append(j.keys, made.Key)
			}
			j.note(namespace, true, err)
		},
		func() {
			got, err := j.KeyUpdate(ctx, global, management.KeyUpdate{KeyID: keyID, Version: version, Name: management.Set(name)})
			j.note(j.namespaceOf(keyID), got.Changed, err)
		},
		func() {
			grace := rapid.SampledFrom([]string{"0s", "1m", "x"}).Draw(t, "grace")
			made, err := j.KeyRotate(ctx, global, management.KeyRotate{KeyID: keyID, Grace: grace})
			if err == nil {
				j.keys = append(j.keys, made.Key)
			}
			j.note(j.namespaceOf(keyID), true, err) // of the successor
			j.note(j.namespaceOf(keyID), true, err)
		},
		func() {
			got, err := j.KeyPurge(ctx, global, management.KeyPurge{KeyID: keyID})
			j.note(j.namespaceOf(keyID), got.Changed, err)
		},
		func() {
			verb := rapid.SampledFrom([]string{"enable", "disable", "suspend", "revoke"}).Draw(t, "verb")
			got, err := j.verbs()[verb](ctx, global, status)
			j.note(j.namespaceOf(keyID), got.Changed, err)
		},
		func() {
			_, err := j.PlanCreate(ctx, global, management.PlanCreate{Namespace: namespace, Name: name})
			j.note(namespace, true, err)
		},
		func() {
			got, err := j.PlanUpdate(ctx, global, management.PlanUpdate{Namespace: namespace, Name: name, Version: version, Description: management.Set(name)})
			j.note(namespace, got.Changed, err)
		},
		func() {
			_, err := j.PlanDelete(ctx, global, management.PlanDelete{Namespace: namespace, Name: name})
			j.note(namespace, true, err)
		},
		func() {
			_, err := j.OwnerCreate(ctx, global, management.OwnerCreate{Namespace: namespace, Name: name})
			j.note(namespace, true, err)
		},
		func() {
			_, err := j.OwnerDelete(ctx, global, management.OwnerDelete{Namespace: namespace, Name: name})
			j.note(namespace, true, err)
		},
		func() {
			got, err := j.NamespaceUpdate(ctx, global, management.NamespaceUpdate{Name: namespace, Version: version, Description: management.Set(name)})
			j.note(namespace, got.Changed, err)
		},
		func() {
			network := fmt.Sprintf("192.0.2.%d", rapid.IntRange(0, 3).Draw(t, "address"))
			made, err := j.BlacklistAdd(ctx, global, management.BlacklistAdd{Namespace: namespace, Network: network, Reason: name, For: "1m"})
			if err == nil {
				j.rules = append(j.rules, made.Rule)
			}
			j.note(namespace, true, err)
		},
		func() {
			if len(j.rules) == 0 {
				return
			}
			rule := rapid.SampledFrom(j.rules).Draw(t, "rule")
			_, err := j.BlacklistRemove(ctx, global, rule.ID)
			j.note(rule.Namespace, true, err)
		},
		func() {
			_, err := j.TokenBootstrap(ctx, management.TokenBootstrap{})
			j.note("", true, err)
		},
		func() {
			made, err := j.TokenCreate(ctx, global, management.TokenCreate{Name: name, Role: "operator", Namespaces: []string{namespace}})
			if j.note(namespace, true, err); err == nil {
				j.tokens = append(j.tokens, made.Token)
			}
		},
		func() {
			if len(j.tokens) == 0 {
				return
			}
			token := rapid.SampledFrom(j.tokens).Draw(t, "token")
			was, err := j.TokenRead(ctx, global, token.ID)
			if err == nil {
				_, err = j.TokenRevoke(ctx, global, management.TokenRevoke{ID: token.ID})
			}
			j.note(token.Namespaces[0], was.RevokedAt.IsZero(), err)
		},
		func() { j.expireAll(ctx, t) },
	}
	steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")]()
}

// expireAll lets time pass and ends the rules whose time is over, as the jobs
// would: so a rule never stands in the way of a new one unnoticed.
func (j *journal) expireAll(ctx context.Context, t *rapid.T) {
	j.advance(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	for _, rule := range j.rules {
		_, readErr := j.BlacklistRead(ctx, global, rule.ID)
		again, err := j.BlacklistExpire(ctx, rule.ID)
		j.note(rule.Namespace, readErr == nil && again.IsZero(), err)
	}
}

func TestEachChangeHasOneAuditEntryAndTheChainsStayWhole(t *testing.T) {
	f := newFixture(t)
	j := &journal{fixture: f, want: map[string]int{"a": 1, "b": 1}}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			j.step(t.Context(), rt)
		}
		// entries proves each chain whole.
		for _, namespace := range []string{"", "a", "b", "nowhere"} {
			if got := len(f.entries(namespace)); got != j.want[namespace] {
				rt.Fatalf("chain %q has %d entries, want %d", namespace, got, j.want[namespace])
			}
		}
	})
}

func TestEveryChangeSaysWhoDidWhatToWhat(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "p")
	k := f.key(management.KeyCreate{Namespace: "a", Name: "x", Plan: "p"}).Key
	entry, d := f.last("a")
	if entry.Action != "key.create" || entry.Actor != global.ID || entry.Object != "key:"+k.KeyID || entry.KeyID != k.KeyID ||
		entry.RequestID != "req_1" || !entry.At.Equal(start) {
		t.Errorf("entry %+v", entry)
	}
	if d.Before != nil || d.After["name"] != "x" || d.After["plan"] != "p" || d.After["status"] != "active" {
		t.Errorf("details %v", d)
	}
}
