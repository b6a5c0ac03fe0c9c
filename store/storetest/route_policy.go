package storetest

import (
	"context"
	"time"

	"credence/store"
)

func routePolicyPromises() []promise {
	return []promise{
		{"RoutePolicy", "answers ErrNotFound for an unknown name", func(f *fixture) {
			_, err := f.backend.RoutePolicy(f.Context(), "orders")
			f.refused(err, store.ErrNotFound)
		}},
		{"RoutePolicies", "answers pages ordered by name", func(f *fixture) {
			f.insertRoutePolicies(f.sampleRoutePolicy("b"), f.sampleRoutePolicy("a-b"), f.sampleRoutePolicy("c"), f.sampleRoutePolicy("a"), f.sampleRoutePolicy("0"))
			got := walk(f, 2, func(page store.Page) ([]store.RoutePolicy, store.Cursor, error) {
				return f.backend.RoutePolicies(f.Context(), page)
			})
			inOrder(f, names(got, func(p store.RoutePolicy) string { return p.Name }), "0", "a", "a-b", "b", "c")
		}},
		{"InsertRoutePolicy", "stores every field", func(f *fixture) {
			full := f.sampleRoutePolicy("orders")
			noZeroField(f, full)
			bare := store.RoutePolicy{Name: "bare", Cost: 1, CreatedAt: full.CreatedAt, UpdatedAt: full.UpdatedAt, Version: 1}
			f.insertRoutePolicies(full, bare)
			equal(f, f.storedRoutePolicy("orders"), full)
			equal(f, f.storedRoutePolicy("bare"), bare)
		}},
		{"InsertRoutePolicy", "answers ErrConflict when the name is taken", func(f *fixture) {
			f.insertRoutePolicies(f.sampleRoutePolicy("orders"))
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertRoutePolicy(ctx, f.sampleRoutePolicy("orders"))
			}), store.ErrConflict)
		}},
		{"UpdateRoutePolicy", "writes only the version that was read and stores the next", routePolicyUpdate},
		{"UpdateRoutePolicy", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.UpdateRoutePolicy(ctx, f.sampleRoutePolicy("orders"))
			}), store.ErrNotFound)
		}},
		{"DeleteRoutePolicy", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRoutePolicy(ctx, "orders", version) })
			}
			f.refused(remove(1), store.ErrNotFound)
			f.insertRoutePolicies(f.sampleRoutePolicy("orders"))
			f.refused(remove(2), store.ErrStale)
			equal(f, f.storedRoutePolicy("orders"), f.sampleRoutePolicy("orders"))
			f.ok(remove(1))
			_, err := f.backend.RoutePolicy(f.Context(), "orders")
			f.refused(err, store.ErrNotFound)
		}},
	}
}

func routePolicyUpdate(f *fixture) {
	p := f.sampleRoutePolicy("orders")
	f.insertRoutePolicies(p)
	p.Description, p.UpdatedAt, p.Cost, p.Shadow, p.Anonymous = "other", p.UpdatedAt.Add(time.Second), 7, false, false
	p.Namespaces, p.Scopes, p.Environment = []string{"other"}, nil, "live"
	p.Hosts, p.Paths, p.Methods = nil, []string{"/other"}, nil
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateRoutePolicy(ctx, p) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	p.Version = 2
	equal(f, f.storedRoutePolicy("orders"), p)
}

func (f *fixture) insertRoutePolicies(all ...store.RoutePolicy) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, p := range all {
			if err := tx.InsertRoutePolicy(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) storedRoutePolicy(name string) store.RoutePolicy {
	f.Helper()
	p, err := f.backend.RoutePolicy(f.Context(), name)
	f.ok(err)
	return p
}

func (f *fixture) sampleRoutePolicy(name string) store.RoutePolicy {
	now := f.clock.now()
	return store.RoutePolicy{
		Name: name, Description: "what orders demand", Namespaces: []string{"tenant", "default"}, Scopes: []string{"orders:read"},
		Environment: "test", Cost: 5, Shadow: true, Anonymous: true,
		Hosts: []string{"api.example.com", "*.example.org"}, Paths: []string{"/orders", "/orders/*"}, Methods: []string{"GET", "HEAD"},
		CreatedAt: now, UpdatedAt: now.Add(time.Second), Version: 1,
	}
}
