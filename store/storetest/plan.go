package storetest

import (
	"context"
	"time"

	"credence/store"
	"credence/store/limit"
)

func planPromises() []promise {
	return []promise{
		{"Plan", "answers ErrNotFound for an unknown name", func(f *fixture) {
			f.references()
			_, err := f.backend.Plan(f.Context(), "default", "basic")
			f.refused(err, store.ErrNotFound)
		}},
		{"Plans", "answers pages ordered by namespace and name", func(f *fixture) {
			f.references()
			f.insertPlans(f.samplePlan("default", "b"), f.samplePlan("tenant", "a/x"), f.samplePlan("default", "z/"), f.samplePlan("tenant", "a"))
			f.listPlans(nil, "default/b", "default/z/", "tenant/a", "tenant/a/x", "tenant/basic")
			f.listPlans([]string{"default"}, "default/b", "default/z/")
			f.listPlans([]string{"nobody", "tenant"}, "tenant/a", "tenant/a/x", "tenant/basic")
		}},
		{"InsertPlan", "stores every field", func(f *fixture) {
			f.references()
			noZeroField(f, f.samplePlan("tenant", "basic"))
			equal(f, f.storedPlan("tenant", "basic"), f.samplePlan("tenant", "basic"))
		}},
		{"InsertPlan", "answers ErrConflict when the name is taken in the namespace", func(f *fixture) {
			f.references()
			f.insertPlans(f.samplePlan("default", "basic"))
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertPlan(ctx, f.samplePlan("tenant", "basic"))
			}), store.ErrConflict)
		}},
		{"InsertPlan", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertPlan(ctx, f.samplePlan("nobody", "basic"))
			}), store.ErrMissingReference)
		}},
		{"UpdatePlan", "writes only the version that was read and stores the next", planUpdate},
		{"UpdatePlan", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.UpdatePlan(ctx, f.samplePlan("default", "basic"))
			}), store.ErrNotFound)
		}},
		{"DeletePlan", "answers ErrReferenced while a key that is not purged names it", func(f *fixture) {
			f.references()
			f.insertKeys(f.fullKey(1))
			f.refused(f.deletePlan("tenant", "basic", 1), store.ErrReferenced)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.fullKey(1)) })
			f.ok(f.deletePlan("tenant", "basic", 1))
		}},
		{"DeletePlan", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.deletePlan("default", "basic", 1), store.ErrNotFound)
		}},
		{"DeletePlan", "answers ErrStale on another version", func(f *fixture) {
			f.references()
			f.refused(f.deletePlan("tenant", "basic", 2), store.ErrStale)
			equal(f, f.storedPlan("tenant", "basic"), f.samplePlan("tenant", "basic"))
		}},
	}
}

func (f *fixture) insertPlans(all ...store.Plan) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, p := range all {
			if err := tx.InsertPlan(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) storedPlan(namespace, name string) store.Plan {
	f.Helper()
	p, err := f.backend.Plan(f.Context(), namespace, name)
	f.ok(err)
	return p
}

func (f *fixture) deletePlan(namespace, name string, version int64) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.DeletePlan(ctx, namespace, name, version) })
}

func (f *fixture) listPlans(namespaces []string, want ...string) {
	f.Helper()
	got := walk(f, 2, func(page store.Page) ([]store.Plan, store.Cursor, error) {
		return f.backend.Plans(f.Context(), namespaces, page)
	})
	inOrder(f, names(got, func(p store.Plan) string { return p.Namespace + "/" + p.Name }), want...)
}

func planUpdate(f *fixture) {
	f.references()
	p := f.samplePlan("tenant", "basic")
	p.Description, p.UpdatedAt = "other", p.UpdatedAt.Add(time.Second)
	p.Limits, p.Quotas = []limit.Limit{{Name: "new", Limit: 1, Period: time.Hour, Burst: 1}}, nil
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdatePlan(ctx, p) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	p.Version = 2
	equal(f, f.storedPlan("tenant", "basic"), p)
}
