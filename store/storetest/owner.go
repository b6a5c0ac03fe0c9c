package storetest

import (
	"context"
	"time"

	"credence/store"
	"credence/store/limit"
)

func ownerPromises() []promise {
	return []promise{
		{"Owner", "answers ErrNotFound for an unknown name", func(f *fixture) {
			f.references()
			_, err := f.backend.Owner(f.Context(), "default", "team")
			f.refused(err, store.ErrNotFound)
		}},
		{"Owners", "answers pages ordered by namespace and name", func(f *fixture) {
			f.references()
			f.insertOwners(f.sampleOwner("default", "b"), f.sampleOwner("tenant", "a/x"), f.sampleOwner("default", "z/"), f.sampleOwner("tenant", "a"))
			f.listOwners(nil, "default/b", "default/z/", "tenant/a", "tenant/a/x", "tenant/team")
			f.listOwners([]string{"default"}, "default/b", "default/z/")
			f.listOwners([]string{"nobody", "tenant"}, "tenant/a", "tenant/a/x", "tenant/team")
		}},
		{"InsertOwner", "stores every field", func(f *fixture) {
			f.references()
			noZeroField(f, f.sampleOwner("tenant", "team"))
			equal(f, f.storedOwner("tenant", "team"), f.sampleOwner("tenant", "team"))
		}},
		{"InsertOwner", "answers ErrConflict when the name is taken in the namespace", func(f *fixture) {
			f.references()
			f.insertOwners(f.sampleOwner("default", "team"))
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertOwner(ctx, f.sampleOwner("tenant", "team"))
			}), store.ErrConflict)
		}},
		{"InsertOwner", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertOwner(ctx, f.sampleOwner("nobody", "team"))
			}), store.ErrMissingReference)
		}},
		{"UpdateOwner", "writes only the version that was read and stores the next", ownerUpdate},
		{"UpdateOwner", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.UpdateOwner(ctx, f.sampleOwner("default", "team"))
			}), store.ErrNotFound)
		}},
		{"DeleteOwner", "answers ErrReferenced while a key that is not purged names it", func(f *fixture) {
			f.references()
			f.insertKeys(f.fullKey(1))
			f.refused(f.deleteOwner("tenant", "team", 1), store.ErrReferenced)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.fullKey(1)) })
			f.ok(f.deleteOwner("tenant", "team", 1))
		}},
		{"DeleteOwner", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.deleteOwner("default", "team", 1), store.ErrNotFound)
		}},
		{"DeleteOwner", "answers ErrStale on another version", func(f *fixture) {
			f.references()
			f.refused(f.deleteOwner("tenant", "team", 2), store.ErrStale)
			equal(f, f.storedOwner("tenant", "team"), f.sampleOwner("tenant", "team"))
		}},
	}
}

func (f *fixture) insertOwners(all ...store.Owner) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, o := range all {
			if err := tx.InsertOwner(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) storedOwner(namespace, name string) store.Owner {
	f.Helper()
	o, err := f.backend.Owner(f.Context(), namespace, name)
	f.ok(err)
	return o
}

func (f *fixture) deleteOwner(namespace, name string, version int64) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteOwner(ctx, namespace, name, version) })
}

func (f *fixture) listOwners(namespaces []string, want ...string) {
	f.Helper()
	got := walk(f, 2, func(page store.Page) ([]store.Owner, store.Cursor, error) {
		return f.backend.Owners(f.Context(), namespaces, page)
	})
	inOrder(f, names(got, func(o store.Owner) string { return o.Namespace + "/" + o.Name }), want...)
}

func ownerUpdate(f *fixture) {
	f.references()
	o := f.sampleOwner("tenant", "team")
	o.Contact = "else@example.com"
	o.Description, o.UpdatedAt = "other", o.UpdatedAt.Add(time.Second)
	o.Limits, o.Quotas = []limit.Limit{{Name: "new", Limit: 1, Period: time.Hour, Burst: 1}}, nil
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOwner(ctx, o) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	o.Version = 2
	equal(f, f.storedOwner("tenant", "team"), o)
}
