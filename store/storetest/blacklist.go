package storetest

import (
	"context"
	"time"

	"credence/store"
)

func blacklistPromises() []promise {
	return []promise{
		{"BlacklistRule", "answers ErrNotFound for an unknown id", func(f *fixture) {
			_, err := f.backend.BlacklistRule(f.Context(), "blk_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"BlacklistRules", "answers pages ordered by id, of the scopes asked for", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertRules(
				f.sampleRule("blk_4", "", "203.0.113.4/32"), f.sampleRule("blk_2", "tenant", "203.0.113.2/32"),
				f.sampleRule("blk_1", "default", "203.0.113.1/32"), f.sampleRule("blk_3", "", "203.0.113.3/32"),
			)
			f.listRules(nil, "blk_1", "blk_2", "blk_3", "blk_4")
			f.listRules([]string{""}, "blk_3", "blk_4")
			f.listRules([]string{"tenant", "nobody"}, "blk_2")
			f.listRules([]string{"", "default"}, "blk_1", "blk_3", "blk_4")
		}},
		{"CountBlacklistRules", "counts those of the namespace and all", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertRules(f.sampleRule("blk_1", "", "203.0.113.1/32"), f.sampleRule("blk_2", "tenant", "203.0.113.2/32"),
				f.sampleRule("blk_3", "tenant", "203.0.113.3/32"))
			for namespace, want := range map[string]int{"": 1, "tenant": 2, "default": 0} {
				own, all, err := f.backend.CountBlacklistRules(f.Context(), namespace)
				f.ok(err)
				if own != want || all != 3 {
					f.Errorf("%q has %d of %d, want %d of 3", namespace, own, all, want)
				}
			}
		}},
		{"InsertBlacklistRule", "stores every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			full, global := f.sampleRule("blk_1", "tenant", "2001:db8:1::/48"), f.sampleRule("blk_2", "", "0.0.0.0/0")
			noZeroField(f, full)
			global.EndsAt = time.Time{}
			f.insertRules(full, global)
			equal(f, f.storedRule("blk_1"), full)
			equal(f, f.storedRule("blk_2"), global)
		}},
		{"InsertBlacklistRule", "answers ErrConflict for the same network and namespace", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertRules(f.sampleRule("blk_1", "", "203.0.113.0/24"), f.sampleRule("blk_2", "tenant", "203.0.113.0/24"),
				f.sampleRule("blk_3", "", "203.0.113.0/25"))
			f.refused(f.tryInsertRule(f.sampleRule("blk_4", "", "203.0.113.0/24")), store.ErrConflict)
			f.refused(f.tryInsertRule(f.sampleRule("blk_4", "tenant", "203.0.113.0/24")), store.ErrConflict)
		}},
		{"InsertBlacklistRules", "makes all rules, with every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			all := []store.BlacklistRule{f.sampleRule("blk_1", "tenant", "2001:db8:1::/48"), f.sampleRule("blk_2", "", "203.0.113.0/24")}
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertBlacklistRules(ctx, all) })
			for _, rule := range all {
				equal(f, f.storedRule(rule.ID), rule)
			}
		}},
		{"InsertBlacklistRules", "makes none when one cannot be made", func(f *fixture) {
			f.insertRules(f.sampleRule("blk_1", "", "203.0.113.0/24"))
			refused := func(last store.BlacklistRule, want error) {
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.InsertBlacklistRules(ctx, []store.BlacklistRule{f.sampleRule("blk_2", "", "192.0.2.0/24"), last})
				}), want)
			}
			refused(f.sampleRule("blk_3", "", "203.0.113.0/24"), store.ErrConflict)
			refused(f.sampleRule("blk_3", "nobody", "198.51.100.0/24"), store.ErrMissingReference)
			f.listRules(nil, "blk_1")
		}},
		{"InsertBlacklistRule", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.tryInsertRule(f.sampleRule("blk_1", "nobody", "203.0.113.0/24")), store.ErrMissingReference)
		}},
		{"DeleteBlacklistRule", "answers ErrNotFound when there is none", func(f *fixture) {
			rule := f.sampleRule("blk_1", "", "203.0.113.0/24")
			f.insertRules(rule)
			remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteBlacklistRule(ctx, rule) }
			f.do(remove)
			f.refused(f.try(remove), store.ErrNotFound)
			f.insertRules(rule) // the network is free again
		}},
	}
}

func (f *fixture) tryInsertRule(r store.BlacklistRule) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertBlacklistRule(ctx, r) })
}

func (f *fixture) insertRules(all ...store.BlacklistRule) {
	f.Helper()
	for _, r := range all {
		f.ok(f.tryInsertRule(r))
	}
}

func (f *fixture) storedRule(id string) store.BlacklistRule {
	f.Helper()
	r, err := f.backend.BlacklistRule(f.Context(), id)
	f.ok(err)
	return r
}

func (f *fixture) listRules(scopes []string, want ...string) {
	f.Helper()
	got := walk(f, 2, func(page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
		return f.backend.BlacklistRules(f.Context(), scopes, page)
	})
	inOrder(f, names(got, func(r store.BlacklistRule) string { return r.ID }), want...)
}
