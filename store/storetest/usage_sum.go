package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store"
)

func usageSumPromises() []promise {
	return []promise{
		{"RollUsage", "sums minutes into hours and hours into days, all that a row says", usageRolled},
		{"RollUsage", "counts each batch exactly once, whenever it comes, however often and beside whatever runs", usageRolledOnce},
		{"RollUsage", "counts what comes for times whose minutes are gone", usageRolledLate},
		{"RemoveUsageSums", "deletes hours and days that are older than the instants, and no hour that has not been summed", usageSumsRemoved},
		{"RemoveUsageSums", "deletes networks that a key was last used from before the instant", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			at := f.clock.now()
			f.useFrom(1, 1, at, netip.MustParseAddr("192.0.2.0"))
			f.useFrom(2, 1, at.Add(2*time.Hour), netip.MustParseAddr("198.51.100.0"))
			n, err := f.backend.RemoveUsageSums(f.Context(), day0(), at.Add(time.Hour))
			f.ok(err)
			equal(f, n, 1)
			inOrder(f, names(f.networks(""), func(n store.KeyNetwork) string { return n.Network.String() }), "198.51.100.0")
		}},
		{"UsageSums", "answers each time and group, what has not been rolled up included", usageSeries},
		{"UsageSums", "answers the largest groups by each measure", usageTop},
		{"UsageSums", "narrows by every field", usageNarrowed},
		{"AddUsage", "adds user agents of a batch exactly once, with what the key belongs to", usageAgents},
		{"AddUsage", "refuses user agents that cannot be, and all of their batch", usageAgentsRefused},
		{"UsageSums", "answers user agents by time, by each measure, and of keys, owners, plans and namespaces", usageByAgent},
		{"RemoveUsageSums", "deletes user agents of hours that are older than the instant", func(f *fixture) {
			f.countAgents(1, day0(), 1)
			f.countAgents(2, day0().Add(time.Hour), 1)
			n, err := f.backend.RemoveUsageSums(f.Context(), day0().Add(time.Hour), day0())
			f.ok(err)
			equal(f, n, 2)
			equal(f, f.sums(store.UsageQuery{Step: store.UsageByHour, Group: store.UsageOfAgent})[0].Checks, 3)
		}},
		{"FailingSums", "sums each address, the heaviest first, for one reason or for all", failingSums},
		{"KeyNetworks", "answers networks by when they were first seen, of one key or of all", keyNetworks},
		{"KeyNetworks", "keeps when each network was seen, of a key that one batch tells of several times", keyNetworksOfABatch},
		{"KeyNetworks", "keeps at most MaxKeyNetworks of a key, none of an unknown one, and none after a purge", keyNetworksBounded},
		{"QuotaUses", "answers what is used of windows that hold the instant, in order, after a subject", quotaUses},
	}
}

// day0 is a day in the past of every clock, at midnight.
func day0() time.Time { return time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC) }

// count delivers one row of key 1.
func (f *fixture) count(sequence int64, minute time.Time, reason string, checks int64) {
	f.Helper()
	f.ok(f.backend.AddUsage(f.Context(), usageRow("rep_1", sequence, minute, reason, checks)))
}

func usageRow(replica string, sequence int64, minute time.Time, reason string, checks int64) store.UsageBatch {
	return store.UsageBatch{Replica: replica, Sequence: sequence, Started: day0(), At: minute, Keys: []store.KeyUsage{{
		Minute: minute, Minutes: 1, KeyID: keyID(1), Reason: reason, Policy: "reports", Checks: checks,
		Latency: time.Duration(checks) * time.Millisecond, Addresses: crowd(1, 2),
	}}}
}

// roll sums all before the instant.
func (f *fixture) roll(until time.Time) {
	f.Helper()
	for range 10_000 {
		more, err := f.backend.RollUsage(f.Context(), until)
		f.ok(err)
		if !more {
			return
		}
	}
	f.Fatal("there is always more to roll up")
}

func (f *fixture) sums(q store.UsageQuery) []store.UsageSum {
	f.Helper()
	if q.Until.IsZero() {
		q.Until = day0().Add(1000 * time.Hour)
	}
	if q.From.IsZero() {
		q.From = day0().Add(-1000 * time.Hour)
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := f.backend.UsageSums(f.Context(), q)
	f.ok(err)
	return found
}

// series are the Checks of each time, as text.
func (f *fixture) series(step store.UsageStep) []string {
	f.Helper()
	return names(f.sums(store.UsageQuery{Step: step, Series: true}), func(s store.UsageSum) string {
		return fmt.Sprintf("%s %d", s.Start.Format("02T15:04"), s.Checks)
	})
}

func usageRolled(f *fixture) {
	f.references()
	f.insertKeys(f.fullKey(1))
	for i, m := range []int{1, 59, 60, 25 * 60} {
		f.count(int64(i+1), day0().Add(time.Duration(m)*time.Minute), "allowed", 10)
	}
	f.roll(day0().Add(26 * time.Hour))
	// With the minutes gone, the sums alone answer.
	_, err := f.backend.RemoveUsage(f.Context(), day0().Add(100*time.Hour))
	f.ok(err)
	inOrder(f, f.series(store.UsageByMinute))
	inOrder(f, f.series(store.UsageByHour), "06T00:00 20", "06T01:00 10", "07T01:00 10")
	inOrder(f, f.series(store.UsageByDay), "06T00:00 30", "07T00:00 10")
	for _, g := range []struct {
		of    store.UsageGroup
		group string
	}{
		{store.UsageOfKey, keyID(1)},
		{store.UsageOfOwner, "team"},
		{store.UsageOfPlan, "basic"},
		{store.UsageOfNamespace, "tenant"},
		{store.UsageOfRoute, "reports"},
		{store.UsageOfReason, "allowed"},
	} {
		for _, step := range []store.UsageStep{store.UsageByHour, store.UsageByDay} {
			want := store.UsageSum{Start: day0(), Group: g.group, Checks: 40, Latency: 40 * time.Millisecond, Addresses: crowd(1, 2)}
			if g.of == store.UsageOfOwner || g.of == store.UsageOfPlan {
				want.Namespace = "tenant"
			}
			equal(f, f.sums(store.UsageQuery{From: day0(), Step: step, Group: g.of}), []store.UsageSum{want})
		}
	}
}

// usageRolledOnce delivers batches in any order, several times, from several
// at once, while others roll up; the sums must be those of the batches.
func usageRolledOnce(f *fixture) {
	const batches, deliverers = 60, 3
	var all errgroup.Group
	for d := range deliverers {
		all.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(d), 3)) //nolint:gosec // an order, no secret
			for _, i := range random.Perm(batches) {
				minute := day0().Add(time.Duration(i*i%4000) * time.Minute)
				if err := f.backend.AddUsage(f.Context(), usageRow("rep_1", int64(i+1), minute, "allowed", 1)); err != nil {
					return err
				}
				if _, err := f.backend.RollUsage(f.Context(), day0().Add(time.Duration(random.IntN(4000))*time.Minute)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.ok(all.Wait())
	for _, until := range []time.Duration{0, 100 * time.Hour} {
		f.roll(day0().Add(until))
		for _, step := range store.UsageSteps() {
			equal(f, f.sums(store.UsageQuery{Step: step})[0].Checks, batches)
		}
	}
}

func usageRolledLate(f *fixture) {
	f.count(1, day0().Add(time.Minute), "allowed", 10)
	f.roll(day0().Add(50 * time.Hour))
	_, err := f.backend.RemoveUsage(f.Context(), day0().Add(100*time.Hour))
	f.ok(err)
	f.count(2, day0().Add(time.Minute), "allowed", 5)
	f.count(3, day0().Add(time.Minute), "revoked", 3)
	f.count(3, day0().Add(time.Minute), "revoked", 3)
	for range 2 {
		inOrder(f, f.series(store.UsageByHour), "06T00:00 18")
		inOrder(f, f.series(store.UsageByDay), "06T00:00 18")
		f.roll(day0().Add(60 * time.Hour))
	}
}

func usageSumsRemoved(f *fixture) {
	f.count(1, day0(), "allowed", 1)
	f.count(2, day0().Add(24*time.Hour), "allowed", 1)
	f.roll(day0().Add(24*time.Hour + time.Minute))
	n, err := f.backend.RemoveUsageSums(f.Context(), day0().Add(99*time.Hour), day0())
	f.ok(err)
	equal(f, n, 1) // the hour that is in its day
	inOrder(f, f.series(store.UsageByHour), "07T00:00 1")
	inOrder(f, f.series(store.UsageByDay), "06T00:00 1", "07T00:00 1")
	n, err = f.backend.RemoveUsageSums(f.Context(), day0(), day0().Add(24*time.Hour))
	f.ok(err)
	equal(f, n, 1)
	inOrder(f, f.series(store.UsageByDay), "07T00:00 1")
}

func usageSeries(f *fixture) {
	for i, row := range []struct {
		minute int
		reason string
	}{{1, "allowed"}, {1, "revoked"}, {2, "shadow_revoked"}, {61, "allowed_anonymous"}, {62, "rate_limited"}} {
		f.count(int64(i+1), day0().Add(time.Duration(row.minute)*time.Minute), row.reason, int64(i+1))
	}
	for _, until := range []time.Duration{0, 2 * time.Minute, 61 * time.Minute, 3 * time.Hour} {
		f.roll(day0().Add(until))
		inOrder(f, names(f.sums(store.UsageQuery{Step: store.UsageByHour, Series: true}), func(s store.UsageSum) string {
			return fmt.Sprintf("%s %d %d", s.Start.Format("15:04"), s.Checks, s.Denied)
		}), "00:00 6 2", "01:00 9 5")
		inOrder(f, names(f.sums(store.UsageQuery{Step: store.UsageByDay, Series: true, Group: store.UsageOfReason}), func(s store.UsageSum) string {
			return fmt.Sprintf("%s %d %d", s.Group, s.Checks, s.Denied)
		}), "allowed 1 0", "allowed_anonymous 4 0", "rate_limited 5 5", "revoked 2 2", "shadow_revoked 3 0")
	}
	equal(f, len(f.sums(store.UsageQuery{Step: store.UsageByMinute, Series: true, Limit: 2})), 2)
	inOrder(f, names(f.sums(store.UsageQuery{
		From: day0().Add(time.Hour), Until: day0().Add(62 * time.Minute), Step: store.UsageByMinute, Series: true,
	}), func(s store.UsageSum) string { return s.Start.Format("15:04") }), "01:01")
}

func usageTop(f *fixture) {
	b := usageRow("rep_1", 1, day0(), "allowed", 10)
	for i, row := range []struct {
		reason  string
		checks  int64
		latency time.Duration
	}{{"revoked", 3, time.Second}, {"rate_limited", 4, time.Millisecond}} {
		k := b.Keys[0]
		k.KeyID, k.Reason, k.Checks, k.Latency = keyID(i+2), row.reason, row.checks, row.latency
		b.Keys = append(b.Keys, k)
	}
	f.ok(f.backend.AddUsage(f.Context(), b))
	for by, want := range map[store.UsageMeasure][]string{
		store.UsageRequests: {keyID(1), keyID(3), keyID(2)}, store.UsageDenials: {keyID(3), keyID(2), keyID(1)},
		store.UsageLatency: {keyID(2), keyID(1), keyID(3)},
	} {
		q := store.UsageQuery{Step: store.UsageByHour, Group: store.UsageOfKey, Top: by}
		group := func(s store.UsageSum) string { return s.Group }
		inOrder(f, names(f.sums(q), group), want...)
		q.Limit = 1
		inOrder(f, names(f.sums(q), group), want[0])
	}
}

func usageNarrowed(f *fixture) {
	f.references()
	f.insertKeys(f.fullKey(1))
	f.count(1, day0(), "revoked", 7)
	b := usageRow("rep_2", 1, day0(), "unknown_key", 5)
	b.Keys[0].KeyID, b.Keys[0].Policy = "", ""
	f.ok(f.backend.AddUsage(f.Context(), b))
	for _, q := range []store.UsageQuery{
		{Namespaces: []string{"tenant"}}, {KeyID: keyID(1)}, {Owner: "team"}, {Plan: "basic"}, {Policy: "reports"}, {Reason: "revoked"},
	} {
		q.Step = store.UsageByHour
		equal(f, f.sums(q)[0].Checks, 7)
	}
	equal(f, f.sums(store.UsageQuery{Step: store.UsageByHour, Denied: true})[0].Checks, 12)
	equal(f, len(f.sums(store.UsageQuery{Step: store.UsageByHour, Namespaces: []string{"other"}})), 0)
	equal(f, len(f.sums(store.UsageQuery{Step: store.UsageByHour, Owner: "basic"})), 0)
}

func failingSums(f *fixture) {
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
	b := f.sampleUsage("rep_1", 2)
	start := b.Failing[0].Minute
	b.Keys, b.Failing = nil, b.Failing[:1]
	b.Failing[0].Minute, b.Failing[0].Reason = start.Add(time.Minute), "malformed_key"
	f.ok(f.backend.AddUsage(f.Context(), b))
	v6, v4 := netip.MustParseAddr("2001:db8::"), netip.MustParseAddr("192.0.2.9")
	ask := func(reason string, limit int) []store.FailingAddress {
		found, err := f.backend.FailingSums(f.Context(), reason, start, start.Add(time.Hour), limit)
		f.ok(err)
		return found
	}
	equal(f, ask("", 10), []store.FailingAddress{
		{Minute: start, Reason: "unknown_key", Address: v4, Checks: 4}, {Minute: start, Address: v6, Checks: 4, Uncertain: 2},
	})
	equal(f, ask("malformed_key", 10), []store.FailingAddress{
		{Minute: start.Add(time.Minute), Reason: "malformed_key", Address: v6, Checks: 2, Uncertain: 1},
	})
	equal(f, len(ask("", 1)), 1)
}

func (f *fixture) networks(id string) []store.KeyNetwork {
	f.Helper()
	found, err := f.backend.KeyNetworks(f.Context(), id, time.Unix(0, 0), later(), 10_000)
	f.ok(err)
	return found
}

// useFrom delivers a use of key n from the networks.
func (f *fixture) useFrom(sequence int64, n int, at time.Time, networks ...netip.Addr) {
	f.Helper()
	f.ok(f.backend.AddUsage(f.Context(), store.UsageBatch{Replica: "rep_1", Sequence: sequence, Started: day0(), At: at, Used: []store.KeyLastUse{
		{KeyID: keyID(n), At: at, Networks: networks},
	}}))
}

func keyNetworks(f *fixture) {
	f.insertKeys(f.bareKey(1), f.bareKey(2))
	a, b := netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("2001:db8:1::")
	at := f.clock.now()
	f.useFrom(1, 1, at, a, b)
	f.useFrom(2, 1, at.Add(time.Minute), a)    // the second time it is seen
	f.useFrom(5, 1, at.Add(59*time.Minute), a) // within the hour: not worth a write
	f.useFrom(3, 1, at.Add(2*time.Hour), b)
	f.useFrom(4, 2, at.Add(-time.Hour), a)
	equal(f, f.networks(keyID(1)), []store.KeyNetwork{
		{KeyID: keyID(1), Network: a, FirstAt: at, LastAt: at.Add(time.Minute)}, {KeyID: keyID(1), Network: b, FirstAt: at, LastAt: at.Add(2 * time.Hour)},
	})
	inOrder(f, names(f.networks(""), func(n store.KeyNetwork) string { return n.KeyID }), keyID(2), keyID(1), keyID(1))
	found, err := f.backend.KeyNetworks(f.Context(), "", at.Add(-time.Minute), later(), 1)
	f.ok(err)
	equal(f, len(found), 1)
	n, err := f.backend.RemoveUsageSums(f.Context(), day0(), at.Add(time.Hour))
	f.ok(err)
	equal(f, n, 2)
	equal(f, len(f.networks("")), 1)
}

// keyNetworksOfABatch is what a replica tells that could not for hours: the
// last use first, then the networks of before, each with its own time.
func keyNetworksOfABatch(f *fixture) {
	f.insertKeys(f.bareKey(1))
	a, b := netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("198.51.100.0")
	now, last := f.clock.now(), netip.MustParseAddr("198.51.100.7")
	f.ok(f.backend.AddUsage(f.Context(), store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: day0(), At: now, Used: []store.KeyLastUse{
		{KeyID: keyID(1), At: now, Address: last, Networks: []netip.Addr{b}},
		{KeyID: keyID(1), At: now.Add(-5 * time.Hour), Networks: []netip.Addr{a}},
		{KeyID: keyID(1), At: now.Add(-3 * time.Hour), Networks: []netip.Addr{a}},
	}}))
	equal(f, f.networks(keyID(1)), []store.KeyNetwork{
		{KeyID: keyID(1), Network: a, FirstAt: now.Add(-5 * time.Hour), LastAt: now.Add(-3 * time.Hour)}, {KeyID: keyID(1), Network: b, FirstAt: now, LastAt: now},
	})
	k, err := f.backend.Key(f.Context(), keyID(1))
	f.ok(err)
	equal(f, k.LastUsedAt, now)
	equal(f, k.LastUsedIP, last)
}

func keyNetworksBounded(f *fixture) {
	k := f.bareKey(1)
	f.insertKeys(k)
	for i := range store.MaxKeyNetworks/16 + 2 {
		var some []netip.Addr
		for j := range 16 {
			some = append(some, netip.AddrFrom4([4]byte{10, byte(i), byte(j), 0}))
		}
		f.useFrom(int64(i+1), 1, f.clock.now(), some...)
	}
	f.useFrom(1000, 7, f.clock.now(), netip.AddrFrom4([4]byte{10, 0, 0, 0}))
	equal(f, len(f.networks("")), store.MaxKeyNetworks)
	f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, k) })
	equal(f, len(f.networks("")), 0)
	f.useFrom(1001, 1, f.clock.now(), netip.AddrFrom4([4]byte{10, 0, 0, 0}))
	equal(f, len(f.networks("")), 0)
}

func quotaUses(f *fixture) {
	at := f.clock.now()
	for i, id := range []string{"key_a", "key_b", "key_c"} {
		k := f.bareKey(i + 1)
		k.KeyID = id
		f.insertKeys(k)
	}
	window := func(subject, name string, from, until time.Duration) store.QuotaWindow {
		return store.QuotaWindow{Subject: subject, Name: name, Start: at.Add(from), End: at.Add(until)}
	}
	for _, w := range []store.QuotaWindow{
		window("key_b", "day", -time.Hour, time.Hour), window("key_a", "month", -time.Hour, time.Hour), window("key_a", "day", 0, time.Hour),
		window("key_a", "day", -time.Hour, 0), window("key_c", "day", time.Microsecond, time.Hour),
	} {
		_, _, err := f.backend.ReserveQuota(f.Context(), w, 5, 10)
		f.ok(err)
	}
	found, err := f.backend.QuotaUses(f.Context(), at, "", "", 2)
	f.ok(err)
	equal(f, found, []store.QuotaUse{
		{QuotaWindow: window("key_a", "day", 0, time.Hour), Used: 5}, {QuotaWindow: window("key_a", "month", -time.Hour, time.Hour), Used: 5},
	})
	found, err = f.backend.QuotaUses(f.Context(), at, "key_a", "month", 2)
	f.ok(err)
	equal(f, found, []store.QuotaUse{{QuotaWindow: window("key_b", "day", -time.Hour, time.Hour), Used: 5}})
}
