package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"credence/store"
)

func cleanupPromises() []promise {
	return []promise{
		{"CountOld", "answers how many rows the removal takes away until nothing is left, or most", oldCounted},
		{"CleanupReports", "answers the last report of each, by name", func(f *fixture) {
			for _, name := range []string{"usage", "audit", "usage"} {
				f.ok(f.store.PutCleanupReport(f.Context(), store.CleanupReport{Name: name, At: f.clock.now()}))
			}
			found, err := f.backend.CleanupReports(f.Context())
			f.ok(err)
			inOrder(f, names(found, func(r store.CleanupReport) string { return r.Name }), "audit", "usage")
		}},
		{"PutCleanupReport", "puts every field in place of the report before", func(f *fixture) {
			r := store.CleanupReport{
				Name: "usage", By: "job:cleanup", At: f.clock.now(), Took: 1500 * time.Millisecond, Done: 7, More: true, Problem: "disk full",
			}
			noZeroField(f, r)
			for _, r := range []store.CleanupReport{r, {Name: "usage", At: f.clock.now().Add(time.Second)}} {
				f.ok(f.store.PutCleanupReport(f.Context(), r))
				found, err := f.backend.CleanupReports(f.Context())
				f.ok(err)
				equal(f, found, []store.CleanupReport{r})
			}
		}},
	}
}

// oldCounted makes some rows of everything that gets old, and holds what is
// counted against what is removed.
func oldCounted(f *fixture) {
	const some = 3
	now := f.clock.now()
	for i := range some {
		name := fmt.Sprint(i)
		f.do(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.InsertIdempotency(ctx, f.sampleIdempotency("actor "+name)), tx.InsertNamespace(ctx, f.sampleNamespace("n"+name)),
				tx.InsertReport(ctx, f.sampleReport(i+1, "")))
		})
		f.insertKeys(f.bareKey(i + 1))
		_, _, err := f.backend.ReserveQuota(f.Context(), store.QuotaWindow{Subject: keyID(i + 1), Name: "daily", Start: now.Add(-time.Hour), End: now}, 1, 10)
		f.ok(err)
		f.ok(f.backend.PutReplica(f.Context(), store.Replica{ID: "rep_" + name, StartedAt: now, SeenAt: now}))
		f.ok(f.backend.IngestUsage(f.Context(), store.UsageBatch{
			Replica: "rep_" + name, Sequence: 1, Started: now, At: now, Final: true,
			Keys:   []store.KeyUsage{{Minute: now.Truncate(time.Minute), Minutes: 1, KeyID: "key_" + name, Reason: "allowed", Checks: 1}},
			Agents: []store.AgentUsage{{Hour: now.Truncate(time.Hour), KeyID: "key_" + name, Agent: "curl", Checks: 1}},
		}))
	}
	for more := true; more; { // what is not summed stays
		var err error
		more, err = f.backend.RollUsage(f.Context(), now.Add(72*time.Hour))
		f.ok(err)
	}
	before := now.Add(time.Hour)
	for _, of := range store.Olds() {
		early, err := f.backend.CountOld(f.Context(), of, now.Add(-72*time.Hour), 100)
		f.ok(err)
		equal(f, early, 0)
		counted, err := f.backend.CountOld(f.Context(), of, before, 100)
		f.ok(err)
		bounded, err := f.backend.CountOld(f.Context(), of, before, 1)
		f.ok(err)
		equal(f, bounded, 1)
		removed, err := f.removal(of)(f.Context(), before)
		f.ok(err)
		if counted == 0 || counted != removed {
			f.Errorf("%s: counted %d, removed %d", of, counted, removed)
		}
		left, err := f.backend.CountOld(f.Context(), of, before, 100)
		f.ok(err)
		equal(f, left, 0)
	}
}

func (f *fixture) removal(of store.Old) func(context.Context, time.Time) (int, error) {
	return map[store.Old]func(context.Context, time.Time) (int, error){
		store.OldChanges: f.store.PruneChanges, store.OldIdempotency: f.store.RemoveIdempotency, store.OldQuotas: f.store.RemoveQuotas,
		store.OldReplicas: f.store.RemoveReplicas, store.OldReports: f.store.RemoveReports, store.OldUsage: f.store.RemoveUsage,
		store.OldUsageHours: func(ctx context.Context, before time.Time) (int, error) {
			return f.store.RemoveUsageSums(ctx, before, time.Time{})
		},
		store.OldUsageDays: func(ctx context.Context, before time.Time) (int, error) {
			return f.store.RemoveUsageSums(ctx, time.Time{}, before)
		},
	}[of]
}

func (f *fixture) tryAnnounce(what store.Announcement, of time.Time) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.AnnounceKey(ctx, keyID(1), what, of) })
}

func (f *fixture) unannounced(of store.KeyFilter) int {
	f.Helper()
	n, err := f.backend.CountKeys(f.Context(), of)
	f.ok(err)
	return n
}

// keyAnnounced announces an end, moves the end, and announces that one too;
// then the same for a rotation.
func keyAnnounced(f *fixture) {
	k := f.bareKey(1)
	k.ExpiresAt, k.RotateEvery = f.clock.now().Add(1000*time.Hour), time.Hour
	f.insertKeys(k, f.bareKey(2))
	for what, of := range map[store.Announcement]func() time.Time{
		store.AnnounceExpiry: func() time.Time { return k.ExpiresAt }, store.AnnounceExpiring: func() time.Time { return k.ExpiresAt }, store.AnnounceRotation: func() time.Time { return k.CreatedAt.Add(k.RotateEvery) },
	} {
		filter := store.KeyFilter{Unannounced: what, RotationDueAt: f.clock.now().Add(1000 * time.Hour)}
		if what != store.AnnounceRotation {
			filter.RotationDueAt = time.Time{}
		}
		for range 2 {
			equal(f, f.unannounced(filter), 1)
			f.ok(f.tryAnnounce(what, of()))
			f.refused(f.tryAnnounce(what, of()), store.ErrConflict)
			equal(f, f.unannounced(filter), 0)
			equal(f, f.storedKey(1), k)
			k.ExpiresAt, k.RotateEvery = k.ExpiresAt.Add(time.Hour), k.RotateEvery+time.Hour
			f.ok(f.tryUpdateKey(k))
			k.Version++
		}
	}
	f.refused(f.tryAnnounce("nonsense", f.clock.now()), store.ErrInvalid)
	// A key that was made for no longer than its end is announced ahead is not.
	brief := f.bareKey(3)
	brief.ExpiresAt = brief.CreatedAt.Add(store.ExpiringAhead)
	f.insertKeys(brief)
	equal(f, f.unannounced(store.KeyFilter{Unannounced: store.AnnounceExpiring}), 1)
}

// keyAnnouncedAtOnce is two control planes that find the same key.
func keyAnnouncedAtOnce(f *fixture) {
	k := f.bareKey(1)
	k.ExpiresAt = f.clock.now().Add(-time.Hour)
	f.insertKeys(k)
	var group sync.WaitGroup
	worked := make(chan struct{}, 8)
	for range cap(worked) {
		group.Go(func() {
			if f.tryAnnounce(store.AnnounceExpiry, k.ExpiresAt) == nil {
				worked <- struct{}{}
			}
		})
	}
	group.Wait()
	equal(f, len(worked), 1)
}

// keysDue has keys that are due by themselves, by the policy of all, and by
// that of their namespace, which warns earlier.
func keysDue(f *fixture) {
	f.references()
	const all, own = 24 * time.Hour, 48 * time.Hour
	f.do(func(ctx context.Context, tx *store.Tx) error {
		policies, err := tx.KeyPolicies(ctx, "")
		if err != nil {
			return err
		}
		for i := range policies {
			if policies[i].KeyType == store.KeyTypeIntegration {
				policies[i].RotateEvery, policies[i].WarnBefore = all, time.Hour
				err = tx.UpdateKeyPolicy(ctx, policies[i])
			}
		}
		p := f.samplePolicy("tenant")
		p.RotateEvery, p.WarnBefore = own, 2*time.Hour
		return errors.Join(err, tx.InsertKeyPolicy(ctx, p))
	})
	now := f.clock.now()
	byAll, byOwn, itself, never, rotated := f.bareKey(1), f.bareKey(2), f.bareKey(3), f.bareKey(4), f.bareKey(5)
	byAll.KeyType, byOwn.KeyType, itself.KeyType, rotated.KeyType = store.KeyTypeIntegration, store.KeyTypeIntegration, store.KeyTypeIntegration, store.KeyTypeIntegration
	byOwn.Namespace, itself.Namespace = "tenant", "tenant"
	itself.RotateEvery = 12 * time.Hour
	rotated.Successor, rotated.RotatedAt, rotated.GraceEndsAt = keyID(1), now, now
	f.insertKeys(byAll, byOwn, itself, never, rotated)
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{10*time.Hour - time.Microsecond, nil},
		{10 * time.Hour, []string{keyID(3)}},
		{23*time.Hour - time.Microsecond, []string{keyID(3)}},
		{23 * time.Hour, []string{keyID(3), keyID(1)}},
		{46 * time.Hour, []string{keyID(3), keyID(2), keyID(1)}},
	} {
		found, _, err := f.backend.Keys(f.Context(), store.KeyFilter{RotationDueAt: now.Add(c.after)}, store.Page{})
		f.ok(err)
		inOrder(f, names(found, idOfKey), c.want...)
	}
	mortal := f.bareKey(6)
	mortal.ExpiresAt = now.Add(time.Hour)
	f.insertKeys(mortal)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Hour - time.Microsecond, 6}, {time.Hour, 5}} {
		n, err := f.backend.CountKeys(f.Context(), store.KeyFilter{UnexpiredAt: now.Add(c.after)})
		f.ok(err)
		equal(f, n, c.want)
	}
}
