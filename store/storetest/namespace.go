package storetest

import (
	"context"

	"credence/store"
)

func namespacePromises() []promise {
	return []promise{
		{"Namespace", "answers ErrNotFound for an unknown name", func(f *fixture) {
			_, err := f.backend.Namespace(f.Context(), "nobody")
			f.refused(err, store.ErrNotFound)
		}},
		{"Namespace", "default is made by the first migration", func(f *fixture) {
			n, err := f.backend.Namespace(f.Context(), store.DefaultNamespace)
			f.ok(err)
			equal(f, [3]string{n.Name, n.KeyPrefix, n.Environment}, [3]string{"default", "crd", "live"})
		}},
		{"Namespaces", "answers pages ordered by name", func(f *fixture) {
			f.insertNamespaces("zebra", "alpha", "omega", "beta")
			got := walk(f, 2, func(p store.Page) ([]store.Namespace, store.Cursor, error) {
				return f.backend.Namespaces(f.Context(), p)
			})
			inOrder(f, names(got, func(n store.Namespace) string { return n.Name }), "alpha", "beta", "default", "omega", "zebra")
		}},
		{"InsertNamespace", "stores every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			n, err := f.backend.Namespace(f.Context(), "tenant")
			f.ok(err)
			equal(f, n, f.sampleNamespace("tenant"))
		}},
		{"InsertNamespace", "answers ErrConflict when the name is taken", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertNamespace(ctx, f.sampleNamespace("default"))
			}), store.ErrConflict)
		}},
		{"UpdateNamespace", "writes only the version that was read and stores the next", namespaceUpdate},
		{"UpdateNamespace", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.UpdateNamespace(ctx, f.sampleNamespace("nobody"))
			}), store.ErrNotFound)
		}},
		{"DeleteNamespace", "answers ErrReferenced while anything lives in it", namespaceInUse},
		{"DeleteNamespace", "never deletes the default namespace", func(f *fixture) {
			f.refused(f.deleteNamespace("default", 1), store.ErrReferenced)
		}},
		{"DeleteNamespace", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.deleteNamespace("nobody", 1), store.ErrNotFound)
		}},
		{"DeleteNamespace", "answers ErrStale when the version differs", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.refused(f.deleteNamespace("tenant", 2), store.ErrStale)
			f.ok(f.deleteNamespace("tenant", 1))
			_, err := f.backend.Namespace(f.Context(), "tenant")
			f.refused(err, store.ErrNotFound)
		}},
	}
}

func (f *fixture) insertNamespaces(all ...string) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, name := range all {
			if err := tx.InsertNamespace(ctx, f.sampleNamespace(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) deleteNamespace(name string, version int64) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteNamespace(ctx, name, version) })
}

func namespaceUpdate(f *fixture) {
	f.insertNamespaces("tenant")
	n := f.sampleNamespace("tenant")
	n.Description, n.KeyPrefix, n.Environment, n.UpdatedAt = "other", "oth", "prod", n.UpdatedAt.Add(1e9)
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateNamespace(ctx, n) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	got, err := f.backend.Namespace(f.Context(), "tenant")
	f.ok(err)
	n.Version = 2
	equal(f, got, n)
}

func namespaceInUse(f *fixture) {
	inhabitants := map[string]func(ctx context.Context, tx *store.Tx, namespace string) error{
		"with-key": func(ctx context.Context, tx *store.Tx, namespace string) error {
			k := f.bareKey(1)
			k.Namespace = namespace
			return tx.InsertKey(ctx, k)
		},
		"with-plan": func(ctx context.Context, tx *store.Tx, namespace string) error {
			return tx.InsertPlan(ctx, f.samplePlan(namespace, "basic"))
		},
		"with-policy": func(ctx context.Context, tx *store.Tx, namespace string) error {
			return tx.InsertKeyPolicy(ctx, f.samplePolicy(namespace))
		},
		"with-owner": func(ctx context.Context, tx *store.Tx, namespace string) error {
			return tx.InsertOwner(ctx, f.sampleOwner(namespace, "team"))
		},
		"with-rule": func(ctx context.Context, tx *store.Tx, namespace string) error {
			return tx.InsertBlacklistRule(ctx, f.sampleRule("blk_1", namespace, "203.0.113.0/24"))
		},
	}
	for namespace, insert := range inhabitants {
		f.insertNamespaces(namespace)
		f.do(func(ctx context.Context, tx *store.Tx) error { return insert(ctx, tx, namespace) })
		f.refused(f.deleteNamespace(namespace, 1), store.ErrReferenced)
	}
}
