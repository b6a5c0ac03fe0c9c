package storetest

import (
	"context"
	"slices"

	"credence/store"
)

// write is one writing method of [store.Tx]: what has to be there before,
// the call, and the change that it notes (none where Kind is "").
type write struct {
	method  string
	prepare func(f *fixture)
	call    func(f *fixture, ctx context.Context, tx *store.Tx) error
	change  store.Change
}

func writes() []write {
	return slices.Concat(namespaceWrites(), planAndOwnerWrites(), keyWrites(), otherWrites())
}

func nothing(*fixture) {}

func namespaceWrites() []write {
	change := store.Change{Kind: store.ChangeNamespace, Namespace: "tenant", ObjectID: "tenant"}
	created := change
	created.Created = true
	tenant := func(f *fixture) { f.insertNamespaces("tenant") }
	return []write{
		{"InsertNamespace", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertNamespace(ctx, f.sampleNamespace("tenant"))
		}, created},
		{"UpdateNamespace", tenant, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateNamespace(ctx, f.sampleNamespace("tenant"))
		}, change},
		{"DeleteNamespace", tenant, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteNamespace(ctx, "tenant", 1)
		}, change},
	}
}

func planAndOwnerWrites() []write {
	plan := store.Change{Kind: store.ChangePlan, Namespace: "tenant", ObjectID: "new"}
	owner := store.Change{Kind: store.ChangeOwner, Namespace: "tenant", ObjectID: "new"}
	newPlan, newOwner := plan, owner
	newPlan.Created, newOwner.Created = true, true
	references := (*fixture).references
	withPlan := func(f *fixture) { f.references(); f.insertPlans(f.samplePlan("tenant", "new")) }
	withOwner := func(f *fixture) { f.references(); f.insertOwners(f.sampleOwner("tenant", "new")) }
	return []write{
		{"InsertPlan", references, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertPlan(ctx, f.samplePlan("tenant", "new"))
		}, newPlan},
		{"UpdatePlan", withPlan, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdatePlan(ctx, f.samplePlan("tenant", "new"))
		}, plan},
		{"DeletePlan", withPlan, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeletePlan(ctx, "tenant", "new", 1)
		}, plan},
		{"InsertOwner", references, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertOwner(ctx, f.sampleOwner("tenant", "new"))
		}, newOwner},
		{"UpdateOwner", withOwner, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateOwner(ctx, f.sampleOwner("tenant", "new"))
		}, owner},
		{"DeleteOwner", withOwner, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteOwner(ctx, "tenant", "new", 1)
		}, owner},
	}
}

func keyWrites() []write {
	change := store.Change{Kind: store.ChangeKey, Namespace: "default", ObjectID: keyID(1), Hash: keyHash(1)}
	created := change
	created.Created = true
	key := func(f *fixture) { f.insertKeys(f.bareKey(1)) }
	return []write{
		{"InsertKey", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertKey(ctx, f.bareKey(1))
		}, created},
		{"InsertKeys", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertKeys(ctx, []store.Key{f.bareKey(1)})
		}, created},
		{"UpdateKey", key, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateKey(ctx, f.bareKey(1))
		}, change},
		{"PurgeKey", key, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.PurgeKey(ctx, f.bareKey(1))
		}, change},
	}
}

func otherWrites() []write {
	change := store.Change{Kind: store.ChangeBlacklist, Namespace: "default", ObjectID: "blk_1"}
	created := change
	created.Created = true
	withPolicy := func(f *fixture) {
		f.references()
		f.do(func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertKeyPolicy(ctx, f.samplePolicy("tenant"))
		})
	}
	rule := func(f *fixture) store.BlacklistRule { return f.sampleRule("blk_1", "default", "203.0.113.0/24") }
	schedule := func(f *fixture) { f.insertSchedules(f.sampleSchedule(1, "")) }
	policy := func(f *fixture) { f.insertRoutePolicies(f.sampleRoutePolicy("orders")) }
	return []write{
		{"InsertBlacklistRule", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertBlacklistRule(ctx, rule(f))
		}, created},
		{"InsertBlacklistRules", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertBlacklistRules(ctx, []store.BlacklistRule{rule(f)})
		}, created},
		{"DeleteBlacklistRule", func(f *fixture) { f.insertRules(rule(f)) }, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteBlacklistRule(ctx, rule(f))
		}, change},
		{"InsertRoutePolicy", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertRoutePolicy(ctx, f.sampleRoutePolicy("orders"))
		}, store.Change{Kind: store.ChangeRoutePolicy, ObjectID: "orders", Created: true}},
		{"UpdateRoutePolicy", policy, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateRoutePolicy(ctx, f.sampleRoutePolicy("orders"))
		}, store.Change{Kind: store.ChangeRoutePolicy, ObjectID: "orders"}},
		{"DeleteRoutePolicy", policy, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteRoutePolicy(ctx, "orders", 1)
		}, store.Change{Kind: store.ChangeRoutePolicy, ObjectID: "orders"}},
		{"InsertKeyPolicy", (*fixture).references, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertKeyPolicy(ctx, f.samplePolicy("tenant"))
		}, store.Change{}},
		{"UpdateKeyPolicy", withPolicy, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateKeyPolicy(ctx, f.samplePolicy("tenant"))
		}, store.Change{}},
		{"DeleteKeyPolicy", withPolicy, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteKeyPolicy(ctx, "tenant", store.KeyTypeIntegration, 3)
		}, store.Change{}},
		{"InsertToken", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertToken(ctx, f.sampleToken(1))
		}, store.Change{}},
		{"RevokeToken", func(f *fixture) { f.insertTokens(f.sampleToken(1)) }, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.RevokeToken(ctx, f.sampleToken(1).ID)
		}, store.Change{}},
		{"InsertIdempotency", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertIdempotency(ctx, f.sampleIdempotency("alice"))
		}, store.Change{}},
		{"ForgetIdempotency", nothing, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.ForgetIdempotency(ctx, "alice", "once")
		}, store.Change{}},
		{"InsertReport", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertReport(ctx, f.sampleReport(1, ""))
		}, store.Change{}},
		{"DeleteReport", func(f *fixture) { f.insertReports(f.sampleReport(1, "")) }, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteReport(ctx, reportID(1))
		}, store.Change{}},
		{"InsertReportSchedule", nothing, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.InsertReportSchedule(ctx, f.sampleSchedule(1, ""))
		}, store.Change{}},
		{"UpdateReportSchedule", schedule, func(f *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.UpdateReportSchedule(ctx, f.sampleSchedule(1, ""))
		}, store.Change{}},
		{"DeleteReportSchedule", schedule, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.DeleteReportSchedule(ctx, scheduleID(1), 3)
		}, store.Change{}},
		{"Enqueue", nothing, func(_ *fixture, ctx context.Context, tx *store.Tx) error {
			return tx.Enqueue(ctx, store.Job{Kind: "hello"})
		}, store.Change{}},
	}
}

// unaudited makes the call without an audit entry: it is undone, so that it
// can be made again with one.
func (w *write) unaudited(f *fixture) {
	w.prepare(f)
	before, err := f.backend.Head(f.Context())
	f.ok(err)
	_, err = f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error { return w.call(f, ctx, tx) })
	f.refused(err, store.ErrUnaudited)
	after, err := f.backend.Head(f.Context())
	f.ok(err)
	equal(f, after, before)
	f.do(func(ctx context.Context, tx *store.Tx) error { return w.call(f, ctx, tx) })
}

// noted makes the call and reads what it left in the feed.
func (w *write) noted(f *fixture) {
	w.prepare(f)
	before, err := f.backend.Head(f.Context())
	f.ok(err)
	f.do(func(ctx context.Context, tx *store.Tx) error { return w.call(f, ctx, tx) })
	found := f.changesAfter(before, 10)
	if w.change.Kind == "" {
		equal(f, len(found), 0)
		return
	}
	equal(f, len(found), 1)
	want := w.change
	want.Revision, want.ID, want.At = before.Revision+1, found[0].ID, f.clock.now()
	equal(f, found[0], want)
}
