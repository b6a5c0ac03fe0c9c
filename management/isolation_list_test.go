package management_test

import (
	"testing"

	"credence/management"
	"credence/store"
)

func TestListsOfALimitedActorHoldOnlyItsNamespaces(t *testing.T) {
	w := newTenants(t)
	w.rule["global"] = w.fixture.rule(management.BlacklistAdd{Network: "198.51.100.1"}).ID
	keys, err := w.KeyList(t.Context(), onlyA, management.KeyList{})
	must(t, err)
	for _, k := range keys.Items {
		if k.Namespace != "a" {
			t.Errorf("key of %q", k.Namespace)
		}
	}
	plans, err := w.PlanList(t.Context(), onlyA, management.PlanList{})
	must(t, err)
	for _, p := range plans.Items {
		if p.Namespace != "a" {
			t.Errorf("plan of %q", p.Namespace)
		}
	}
	owners, err := w.OwnerList(t.Context(), onlyA, management.OwnerList{})
	must(t, err)
	for _, o := range owners.Items {
		if o.Namespace != "a" {
			t.Errorf("owner of %q", o.Namespace)
		}
	}
	rules, err := w.BlacklistList(t.Context(), onlyA, management.BlacklistList{})
	must(t, err)
	for _, r := range rules.Items {
		if r.Namespace != "a" {
			t.Errorf("rule of %q", r.Namespace)
		}
	}
	spaces, err := w.NamespaceList(t.Context(), onlyA, management.NamespaceList{})
	must(t, err)
	if len(keys.Items) != 1 || len(plans.Items) != 2 || len(owners.Items) != 2 || len(rules.Items) != 1 ||
		len(spaces.Items) != 1 || spaces.Items[0].Name != "a" {
		t.Errorf("got %d keys, %d plans, %d owners, %d rules, namespaces %v",
			len(keys.Items), len(plans.Items), len(owners.Items), len(rules.Items), spaces.Items)
	}
}

func TestAnActorWithoutAnIDMayNothing(t *testing.T) {
	w := newTenants(t)
	nobody := management.Actor{Role: store.RoleAdmin}
	if nobody.Global() || nobody.May("a") {
		t.Error("the zero Actor may act")
	}
	_, err := w.KeyRead(t.Context(), nobody, w.key["a"])
	refused(t, err, management.CodeNotFound)
	keys, err := w.KeyList(t.Context(), nobody, management.KeyList{})
	must(t, err)
	rules, err := w.BlacklistList(t.Context(), nobody, management.BlacklistList{})
	must(t, err)
	spaces, err := w.NamespaceList(t.Context(), nobody, management.NamespaceList{})
	must(t, err)
	if len(keys.Items)+len(rules.Items)+len(spaces.Items) != 0 {
		t.Error("the zero Actor sees something")
	}
	_, err = w.NamespaceCreate(t.Context(), nobody, management.NamespaceCreate{Name: "mine"})
	refused(t, err, management.CodeForbidden)
}

func TestARepeatedCreateDoesNotShowWhatTheActorMayNotSeeAnyMore(t *testing.T) {
	f := newFixture(t)
	moved := management.Actor{ID: "token:tok_moved", Role: store.RoleAdmin, Namespaces: []string{"b"}}
	in := management.KeyCreate{Name: "x", Namespace: "b", Idempotency: management.Idempotency{Key: "k", RequestHash: [32]byte{1}}}
	_, err := f.KeyCreate(t.Context(), moved, in)
	must(t, err)
	moved.Namespaces = []string{"a"}
	_, err = f.KeyCreate(t.Context(), moved, in)
	refused(t, err, management.CodeNotFound)
}
