package routes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/routes"
	"credence/store"
	"credence/store/route"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ceiling = time.Hour

// world is the policies of a replica over a real database.
type world struct {
	testing.TB
	store  *store.Store
	reader *faultyReader
	routes *routes.Policies
	seen   store.Position
}

// faultyReader counts reads, and fails while it is told to.
type faultyReader struct {
	store.RoutePolicyReader
	err   error
	pages int
}

func (r *faultyReader) RoutePolicies(ctx context.Context, page store.Page) ([]store.RoutePolicy, store.Cursor, error) {
	r.pages++
	if r.err != nil {
		return nil, "", r.err
	}
	return r.RoutePolicyReader.RoutePolicies(ctx, page)
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{TB: tb}
	db := sqlitetest.Open(tb, time.Now)
	keyset, err := seal.NewKeyset()
	w.ok(err)
	w.store, w.reader = store.New(db, keyset, time.Now), &faultyReader{RoutePolicyReader: db}
	w.routes, err = routes.New(routes.Options{Store: w.reader, Ceiling: ceiling})
	w.ok(err)
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) do(fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	_, err := w.store.InTx(w.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "test", Action: "route_policy.test", Object: "route_policy"})
		return fn(ctx, tx)
	})
	w.ok(err)
}

func (w *world) insert(all ...store.RoutePolicy) {
	w.Helper()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		for _, p := range all {
			p.Version, p.CreatedAt, p.UpdatedAt, p.Cost = 1, tx.Now(), tx.Now(), max(1, p.Cost)
			if err := tx.InsertRoutePolicy(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// sync applies what has changed, as the follower does.
func (w *world) sync() error {
	w.Helper()
	changes, err := w.store.ChangesAfter(w.Context(), w.seen, 500)
	w.ok(err)
	if err := w.routes.Apply(w.Context(), changes); err != nil || len(changes) == 0 {
		return err
	}
	last := changes[len(changes)-1]
	w.seen = store.Position{Revision: last.Revision, ID: last.ID}
	return nil
}

// at wants the policy, or the verdict in brackets, for a GET.
func (w *world) at(host, path, want string) {
	w.Helper()
	got, verdict := w.routes.Routed([]byte(host), []byte(path), []byte("GET"))
	text := "(" + verdict.String() + ")"
	if verdict == route.Found {
		text = got.Name
	} else if got != nil {
		w.Errorf("%s%s: %s, and yet policy %s", host, path, verdict, got.Name)
	}
	if text != want {
		w.Errorf("%s%s: %s, want %s", host, path, text, want)
	}
}

func TestNothingIsKnownUntilThePoliciesAreLoaded(t *testing.T) {
	w := newWorld(t)
	w.insert(store.RoutePolicy{Name: "orders"})
	w.at("a", "/", "(unknown)")
	if w.routes.Named([]byte("orders")) != nil || w.routes.Fresh(time.Now()) {
		t.Error("a policy is known before any was read")
	}
	w.ok(w.routes.Load(t.Context()))
	w.at("a", "/", "(none)")
	if w.routes.Named([]byte("orders")) == nil {
		t.Error("the policy is not known")
	}
}

func TestAChangeOfAPolicyIsInForceWhenItWasApplied(t *testing.T) {
	w := newWorld(t)
	w.ok(w.routes.Load(t.Context()))
	w.insert(store.RoutePolicy{Name: "orders", Paths: []string{"/orders/*"}, Scopes: []string{"orders:read"}, Cost: 3, Environment: "live"},
		store.RoutePolicy{Name: "rest", Paths: []string{"/*"}, Namespaces: []string{"shop"}, Shadow: true, Anonymous: true})
	w.at("a", "/orders/1", "(none)")
	w.ok(w.sync())
	w.at("a", "/orders/1", "orders")
	w.at("a", "/x", "rest")
	w.at("a", "/Orders/1", "(unclear)")
	orders, rest := w.routes.Named([]byte("orders")), w.routes.Named([]byte("rest"))
	if len(orders.Namespaces) != 1 || orders.Namespaces[0] != "default" || string(orders.Scopes[0]) != "orders:read" || orders.Cost != 3 ||
		orders.Environment != "live" || orders.Shadow || orders.Anonymous {
		t.Errorf("orders: %+v", orders)
	}
	if rest.Namespaces[0] != "shop" || rest.Cost != 1 || !rest.Shadow || !rest.Anonymous {
		t.Errorf("rest: %+v", rest)
	}
	w.do(func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.RoutePolicy(ctx, "orders")
		p.Paths = []string{"/o/*"}
		return errors.Join(err, tx.UpdateRoutePolicy(ctx, p), tx.DeleteRoutePolicy(ctx, "rest", 1))
	})
	w.ok(w.sync())
	w.at("a", "/o/1", "orders")
	w.at("a", "/orders/1", "(none)")
	if w.routes.Named([]byte("rest")) != nil || w.routes.Stats().Policies != 1 {
		t.Error("a deleted policy is still known")
	}
}

func TestOnlyChangesOfPoliciesAreReadFor(t *testing.T) {
	w := newWorld(t)
	w.ok(w.routes.Load(t.Context()))
	w.ok(w.routes.Apply(t.Context(), []store.Change{{Kind: store.ChangeKey}, {Kind: store.ChangePlan}, {Kind: store.ChangeBlacklist}}))
	if w.reader.pages != 1 {
		t.Errorf("%d pages read", w.reader.pages)
	}
}

func TestPoliciesAreKeptWhenTheyCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.insert(store.RoutePolicy{Name: "strict", Paths: []string{"/a/*"}})
	w.ok(w.routes.Load(t.Context()))
	w.ok(w.sync())
	w.do(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRoutePolicy(ctx, "strict", 1) })
	w.reader.err = store.ErrUnavailable
	if err := w.sync(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("applied: %v", err)
	}
	w.routes.Restart()
	w.at("x", "/a/1", "strict")
	w.reader.err = nil
	w.ok(w.sync())
	w.at("x", "/a/1", "(none)")
}

// The control plane refuses it; should it stand there all the same, nobody
// guesses which of the two was meant.
func TestTwoPoliciesWithOneRuleAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.insert(store.RoutePolicy{Name: "a", Paths: []string{"/a"}})
	w.ok(w.routes.Load(t.Context()))
	w.insert(store.RoutePolicy{Name: "b", Paths: []string{"/A"}})
	var ambiguous *route.AmbiguousError
	if err := w.sync(); !errors.As(err, &ambiguous) {
		t.Errorf("applied: %v", err)
	}
	w.at("x", "/a", "a")
}

func TestPoliciesAreReadInPagesAndBounded(t *testing.T) {
	w := newWorld(t)
	many := make([]store.RoutePolicy, store.MaxPage+1)
	for i := range many {
		many[i] = store.RoutePolicy{Name: fmt.Sprintf("p%05d", i), Paths: []string{fmt.Sprintf("/%d", i)}}
	}
	w.insert(many...)
	w.ok(w.routes.Load(t.Context()))
	w.at("x", "/500", "p00500")
	if w.routes.Stats().Policies != len(many) || w.reader.pages != 2 {
		t.Errorf("%d policies of %d pages", w.routes.Stats().Policies, w.reader.pages)
	}
	kept := make([]store.RoutePolicy, routes.MaxPolicies+1)
	if err := w.routes.Resume(kept, time.Now()); err == nil {
		t.Error("too many were taken")
	}
	wide := store.RoutePolicy{Name: "wide"}
	for i := range 400 {
		wide.Hosts, wide.Paths = append(wide.Hosts, fmt.Sprintf("h%d", i)), append(wide.Paths, fmt.Sprintf("/%d", i))
	}
	if err := w.routes.Resume([]store.RoutePolicy{wide}, time.Now()); err == nil {
		t.Error("too many rules were taken")
	}
	w.at("x", "/500", "p00500")
}

func TestPoliciesAreFreshUpToTheCeiling(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.ok(w.routes.Resume([]store.RoutePolicy{{Name: "a"}}, at))
	for _, c := range []struct {
		after time.Duration
		fresh bool
	}{{0, true}, {ceiling - 1, true}, {ceiling, false}} {
		if got := w.routes.Fresh(at.Add(c.after)); got != c.fresh {
			t.Errorf("after %s: fresh %v", c.after, got)
		}
	}
	w.routes.CaughtUp(at.Add(ceiling))
	if !w.routes.Fresh(at.Add(ceiling)) || len(w.routes.Policies()) != 1 {
		t.Error("not fresh after a read")
	}
	if p, held := w.routes.Policy("a"); !held || p.Name != "a" {
		t.Error("policy a is not held")
	}
	if _, held := w.routes.Policy("b"); held {
		t.Error("policy b is held")
	}
}

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	if _, err := routes.New(routes.Options{Ceiling: 1}); err == nil {
		t.Error("no store")
	}
	if _, err := routes.New(routes.Options{Store: &faultyReader{}}); err == nil {
		t.Error("no ceiling")
	}
}

func TestFindingAPolicyDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.insert(store.RoutePolicy{Name: "orders", Hosts: []string{"*.example.com"}, Paths: []string{"/orders/*"}})
	w.ok(w.routes.Load(t.Context()))
	name, host, path, method := []byte("orders"), []byte("api.example.com"), []byte("/orders/1"), []byte("GET")
	if n := testing.AllocsPerRun(100, func() { w.routes.Named(name); w.routes.Routed(host, path, method) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
