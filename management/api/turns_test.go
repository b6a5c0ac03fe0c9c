package api

import (
	"slices"
	"testing"

	"credence/management"
	"credence/store"
)

func tenantOf(namespaces ...string) management.Actor {
	return management.Actor{ID: "token:" + namespaces[0], Role: store.RoleOperator, Namespaces: namespaces}
}

// filled takes turns until one is refused, and answers how many there were.
func filled(t *turns, lane store.Lane, stream bool) int {
	for n := 0; ; n++ {
		if _, err := t.take(lane, stream); err != nil {
			return n
		}
	}
}

func TestATenantCannotHoldAllTurnsHoweverManyTokensItHas(t *testing.T) {
	create, revoke := Operation{ID: "KeyCreate"}, Operation{ID: "KeyRevoke"}
	for name, all := range map[string][]management.Actor{
		"tokens":     {tenantOf("a"), {ID: "token:other", Namespaces: []string{"a"}}},
		"namespaces": {tenantOf("b", "a"), tenantOf("a", "c"), tenantOf("a")},
	} {
		ts := newTurns(256)
		if n := filled(ts, laneOf(all[0], create), false); n != 32 {
			t.Errorf("%s: one tenant has %d turns, want 32", name, n)
		}
		for _, a := range all[1:] {
			if n := filled(ts, laneOf(a, create), false); n != 0 {
				t.Errorf("%s: another token of it has %d more", name, n)
			}
		}
		if n := filled(ts, laneOf(all[0], revoke), false); n != 8 {
			t.Errorf("%s: it has %d turns to revoke with, want 8", name, n)
		}
		if _, err := ts.take(laneOf(tenantOf("z"), create), false); err != nil {
			t.Errorf("%s: another tenant: %v", name, err)
		}
	}
}

func TestAllTenantsTogetherLeaveTurnsToGlobalTokensAndRevocations(t *testing.T) {
	ts, n := newTurns(256), 0
	for _, tenant := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		n += filled(ts, store.Lane{Tenant: tenant}, false)
	}
	if n != 192 {
		t.Errorf("tenants have %d of 256 turns, want 192", n)
	}
	for what, lane := range map[string]store.Lane{
		"global": laneOf(management.Actor{ID: "token:root"}, Operation{ID: "KeyCreate"}), "revocation": {Tenant: "z", Urgent: true},
	} {
		if _, err := ts.take(lane, false); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestStreamsHaveABoundOfTheirOwnAndTurnsComeBack(t *testing.T) {
	ts := newTurns(256)
	var leave []func()
	for range 2 {
		l, err := ts.take(store.Lane{Tenant: "a"}, true)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if n := filled(ts, store.Lane{Tenant: "a"}, true); n != 0 {
		t.Errorf("%d more streams", n)
	}
	if n := filled(ts, store.Lane{Tenant: "b"}, true); n != 2 {
		t.Errorf("another tenant has %d streams", n)
	}
	leave[0]()
	if n := filled(ts, store.Lane{Tenant: "a"}, true); n != 1 {
		t.Errorf("%d streams after one has ended, want 1", n)
	}
	if n := filled(ts, store.Lane{Tenant: "a"}, false); n != 32 {
		t.Errorf("streams took turns of requests: %d left", n)
	}
}

func TestUrgentOperationsAreInTheTable(t *testing.T) {
	for _, id := range urgentOperations() {
		if !slices.ContainsFunc(Operations(), func(op Operation) bool { return op.ID == id }) {
			t.Errorf("there is no operation %s", id)
		}
	}
}
