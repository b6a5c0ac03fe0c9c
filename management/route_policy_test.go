package management_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
	"credence/store/limit"
	"credence/store/route"
)

func (f *fixture) policy(in management.RoutePolicyCreate) store.RoutePolicy {
	f.t.Helper()
	made, err := f.RoutePolicyCreate(f.t.Context(), global, in)
	must(f.t, err)
	return made.Policy
}

func TestARoutePolicyLivesFromCreateToDelete(t *testing.T) {
	f := newFixture(t)
	in := management.RoutePolicyCreate{
		Name: "orders", Description: "for all", Namespaces: []string{"a", "b"}, Scopes: []string{"orders:read"}, Environment: "live",
		Cost: 3, Mode: "shadow", Anonymous: "allow", Hosts: []string{"API.example.com"}, Paths: []string{"/orders", "/orders/*"}, Methods: []string{"GET"},
		Idempotency: management.Idempotency{Key: "once", RequestHash: [32]byte{1}},
	}
	made, err := f.RoutePolicyCreate(t.Context(), global, in)
	must(t, err)
	want := store.RoutePolicy{
		Name: "orders", Description: "for all", Namespaces: []string{"a", "b"}, Scopes: []string{"orders:read"}, Environment: "live",
		Cost: 3, Shadow: true, Anonymous: true, Hosts: []string{"api.example.com"}, Paths: []string{"/orders", "/orders/*"}, Methods: []string{"GET"},
		CreatedAt: start, UpdatedAt: start, Version: 1,
	}
	again, err := f.RoutePolicyCreate(t.Context(), global, in)
	must(t, err)
	read, err := f.RoutePolicyRead(t.Context(), global, "orders")
	must(t, err)
	if diff := cmp.Diff([]store.RoutePolicy{want, want, want}, []store.RoutePolicy{made.Policy, again.Policy, read}); diff != "" || !again.Replayed {
		t.Errorf("replayed %v\n%s", again.Replayed, diff)
	}
	f.advance(time.Second)
	changed, err := f.RoutePolicyUpdate(t.Context(), global, management.RoutePolicyUpdate{
		Name: "orders", Version: 1, Mode: management.Set("enforce"), Anonymous: management.Null[string](), Cost: management.Null[int64](),
		Scopes: management.Null[[]string](), Hosts: management.Set([]string{"*.example.com"}),
	})
	must(t, err)
	want.Shadow, want.Anonymous, want.Cost, want.Scopes, want.Hosts = false, false, 1, nil, []string{"*.example.com"}
	want.UpdatedAt, want.Version = start.Add(time.Second), 2
	listed, err := f.RoutePolicyList(t.Context(), global, management.RoutePolicyList{})
	must(t, err)
	if diff := cmp.Diff([]store.RoutePolicy{want, want}, append(listed.Items, changed.Policy)); diff != "" {
		t.Error(diff)
	}
	entry, d := f.last("")
	if entry.Object != "route_policy:orders" || !cmp.Equal(d, details{
		Before: map[string]any{"mode": "shadow", "anonymous": "allow", "cost": 3.0, "scopes": []any{"orders:read"}, "hosts": []any{"api.example.com"}},
		After:  map[string]any{"cost": 1.0, "hosts": []any{"*.example.com"}},
	}) {
		t.Errorf("audit entry of %s: %v", entry.Object, d)
	}
	_, err = f.RoutePolicyDelete(t.Context(), global, management.RoutePolicyDelete{Name: "orders", Version: 1})
	refused(t, err, management.CodeStaleVersion)
	_, err = f.RoutePolicyDelete(t.Context(), global, management.RoutePolicyDelete{Name: "orders"})
	must(t, err)
	_, err = f.RoutePolicyRead(t.Context(), global, "orders")
	refused(t, err, management.CodeNotFound)
}

func TestRoutePoliciesNameTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	many := func(n int, format string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return all
	}
	for _, c := range []struct {
		field  string
		policy management.RoutePolicyCreate
	}{
		{"name", management.RoutePolicyCreate{}},
		{"name", management.RoutePolicyCreate{Name: "Orders"}},
		{"name", management.RoutePolicyCreate{Name: "a/b"}},
		{"name", management.RoutePolicyCreate{Name: strings.Repeat("a", 64)}},
		{"name", management.RoutePolicyCreate{Name: "explain"}},
		{"description", management.RoutePolicyCreate{Name: "x", Description: "a\tb"}},
		{"namespaces[1]", management.RoutePolicyCreate{Name: "x", Namespaces: []string{"a", "nowhere"}}},
		{"namespaces[0]", management.RoutePolicyCreate{Name: "x", Namespaces: []string{""}}},
		{"scopes[0]", management.RoutePolicyCreate{Name: "x", Scopes: []string{"orders:*"}}},
		{"scopes[0]", management.RoutePolicyCreate{Name: "x", Scopes: []string{"a b"}}},
		{"environment", management.RoutePolicyCreate{Name: "x", Environment: "Live"}},
		{"cost", management.RoutePolicyCreate{Name: "x", Cost: -1}},
		{"cost", management.RoutePolicyCreate{Name: "x", Cost: limit.MaxCost + 1}},
		{"mode", management.RoutePolicyCreate{Name: "x", Mode: "off"}},
		{"anonymous", management.RoutePolicyCreate{Name: "x", Anonymous: "true"}},
		{"hosts[0]", management.RoutePolicyCreate{Name: "x", Hosts: []string{"a.example.com:80"}}},
		{"hosts[0]", management.RoutePolicyCreate{Name: "x", Hosts: []string{"*"}}},
		{"hosts[0]", management.RoutePolicyCreate{Name: "x", Hosts: []string{"a.*.com"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"orders"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/a*"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/a//b"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/a/../b"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/%61"}}},
		{"paths[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/a;b"}}},
		{"paths[1]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/orders", "/Orders"}}},
		{"methods[0]", management.RoutePolicyCreate{Name: "x", Paths: []string{"/a"}, Methods: []string{"get"}}},
		{"methods", management.RoutePolicyCreate{Name: "x", Methods: []string{"GET"}}},
		{"paths", management.RoutePolicyCreate{Name: "x", Hosts: many(32, "h%d.example.com"), Paths: many(32, "/%d")}},
		{"idempotency_key", management.RoutePolicyCreate{Name: "x", Idempotency: management.Idempotency{Key: "a b"}}},
	} {
		t.Run(c.field, func(t *testing.T) {
			_, err := f.RoutePolicyCreate(t.Context(), global, c.policy)
			blames(t, err, c.field)
		})
	}
	f.policy(management.RoutePolicyCreate{Name: "x", Paths: []string{"/a"}, Methods: []string{"GET"}})
	update := management.RoutePolicyUpdate{Name: "x", Version: 1, Paths: management.Null[[]string]()}
	_, err := f.RoutePolicyUpdate(t.Context(), global, update)
	blames(t, err, "methods")
	update = management.RoutePolicyUpdate{Name: "x", Version: 1, Namespaces: management.Set([]string{"nowhere"})}
	_, err = f.RoutePolicyUpdate(t.Context(), global, update)
	blames(t, err, "namespaces[0]")
}

// Which of two policies holds must never be a guess.
func TestARuleThatAnotherPolicyHasIsRefused(t *testing.T) {
	f := newFixture(t)
	f.policy(management.RoutePolicyCreate{Name: "first", Hosts: []string{"api.example.com"}, Paths: []string{"/orders/*"}})
	other := f.policy(management.RoutePolicyCreate{Name: "other", Hosts: []string{"api.example.com"}})
	for _, paths := range [][]string{{"/orders/*"}, {"/x", "/Orders/*"}} {
		_, err := f.RoutePolicyCreate(t.Context(), global, management.RoutePolicyCreate{Name: "second", Hosts: []string{"api.example.com"}, Paths: paths})
		if e := refused(t, err, management.CodeConflict); !strings.Contains(e.Message, `"first"`) || !strings.Contains(e.Message, "/orders/*") {
			t.Errorf("the answer does not say which: %s", e.Message)
		}
	}
	_, err := f.RoutePolicyUpdate(t.Context(), global, management.RoutePolicyUpdate{Name: "other", Version: other.Version, Paths: management.Set([]string{"/orders/*"})})
	refused(t, err, management.CodeConflict)
	changed, err := f.RoutePolicyUpdate(t.Context(), global, management.RoutePolicyUpdate{Name: "other", Version: other.Version, Paths: management.Set([]string{"/orders"})})
	must(t, err)
	if !changed.Changed {
		t.Error("a rule of its own was refused")
	}
	_, err = f.RoutePolicyCreate(t.Context(), global, management.RoutePolicyCreate{Name: "first"})
	refused(t, err, management.CodeConflict)
}

func TestExplainSaysWhatTheDataPlaneWouldDecide(t *testing.T) {
	f := newFixture(t)
	f.policy(management.RoutePolicyCreate{Name: "admin", Hosts: []string{"api.example.com"}, Paths: []string{"/admin", "/admin/*"}})
	for _, c := range []struct {
		host, path, method string
		verdict            route.Verdict
		rule               string
	}{
		{"api.example.com:443", "/admin/users?x=y", "", route.Found, "any method api.example.com /admin/*"},
		{"api.example.com", "/orders", "POST", route.None, "any method any host any path"},
		{"api.example.com", "/%61dmin/users", "", route.Unclear, "any method api.example.com /admin/*"},
		{"api.example.com", "//admin", "", route.Unclear, "any method any host any path"},
	} {
		got, err := f.RoutePolicyExplain(t.Context(), global, management.RoutePolicyExplain{Host: c.host, Path: c.path, Method: c.method})
		must(t, err)
		if got.Verdict != c.verdict || got.Rule.String() != c.rule || (got.Why != "") != (c.verdict == route.Unclear) || (got.Policy.Name == "admin") != (c.verdict == route.Found) {
			t.Errorf("%s%s: %+v", c.host, c.path, got)
		}
	}
	_, err := f.RoutePolicyExplain(t.Context(), global, management.RoutePolicyExplain{Host: "a"})
	blames(t, err, "path")
	_, err = f.RoutePolicyExplain(t.Context(), global, management.RoutePolicyExplain{Host: strings.Repeat("a", 8193), Path: "/"})
	blames(t, err, "host")
}

// Who makes a namespace of that name later would get in with it.
func TestANamespaceThatARoutePolicyAcceptsStays(t *testing.T) {
	f := newFixture(t)
	_, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "fresh"})
	must(t, err)
	f.policy(management.RoutePolicyCreate{Name: "orders", Namespaces: []string{"fresh"}})
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "fresh"})
	if e := refused(t, err, management.CodeInUse); !strings.Contains(e.Message, `"orders"`) {
		t.Error(e.Message)
	}
	_, err = f.RoutePolicyDelete(t.Context(), global, management.RoutePolicyDelete{Name: "orders"})
	must(t, err)
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "fresh"})
	must(t, err)
}

// globalFor is a global actor for what is done in namespace a, else the one of
// namespace a.
func globalFor(namespace string) management.Actor {
	if namespace == "a" {
		return global
	}
	return onlyA
}
