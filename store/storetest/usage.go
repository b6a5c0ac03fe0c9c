package storetest

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store"
	"credence/store/sketch"
)

func usagePromises() []promise {
	return []promise{
		{"AddUsage", "keeps everything that a batch says", usageKept},
		{"AddUsage", "adds a batch exactly once, however often it is delivered", func(f *fixture) {
			for range 3 {
				f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
			}
			equal(f, f.usageTotal(keyID(1)), 10)
			equal(f, f.failingTotal(), 6)
		}},
		{"AddUsage", "takes batches in any order, from several at once", usageAnyOrder},
		{"AddUsage", "sums what is for the same minute and merges sketches", usageSummed},
		{"AddUsage", "sums what one batch has twice for the same minute", usageSummedInOne},
		{"AddUsage", "sets the last use to a minute and never back, without touching the version", usageLastUse},
		{"AddUsage", "sets no last use of a purged key or an unknown one", func(f *fixture) {
			k := f.bareKey(1)
			f.insertKeys(k)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, k) })
			f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
			equal(f, f.storedKey(1).LastUsedAt, time.Time{})
			_, err := f.backend.Key(f.Context(), keyID(2))
			f.refused(err, store.ErrNotFound)
		}},
		{"AddUsage", "adds all of a batch or nothing, and the number stays free", func(f *fixture) {
			b := f.sampleUsage("rep_1", 1)
			b.Failing[0].Checks = -1
			f.refused(f.backend.AddUsage(f.Context(), b), store.ErrInvalid)
			equal(f, f.usageTotal(keyID(1)), 0)
			f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
			equal(f, f.usageTotal(keyID(1)), 10)
		}},
		{"IngestUsage", "is AddUsage for any replica", func(f *fixture) {
			for _, replica := range []string{"rep_1", "rep_2", "rep_1"} {
				f.ok(f.backend.IngestUsage(f.Context(), f.sampleUsage(replica, 1)))
			}
			equal(f, f.usageTotal(keyID(1)), 20)
		}},
		{"RecordUsageGaps", "records a replica that ended without a sign-off, once", usageGapKilled},
		{"RecordUsageGaps", "leaves those alone that signed off, deliver or report", usageGapAlive},
		{"RecordUsageGaps", "withdraws the gap of a replica that is heard of again", func(f *fixture) {
			f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
			f.recordGaps(1)
			f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 2)))
			equal(f, f.gaps(), nil)
			equal(f, f.usageTotal(keyID(1)), 20)
			f.recordGaps(1)
		}},
		{"RecordUsageGaps", "records batches that are missing before later ones, and takes them no more", usageGapLost},
		{"RemoveUsage", "deletes what is older than the instant", usageRemoved},
		{"RemoveUsage", "forgets a replica that ended", func(f *fixture) {
			b := f.sampleUsage("rep_1", 1)
			b.Final = true
			f.ok(f.backend.AddUsage(f.Context(), b))
			f.roll(later())
			_, err := f.backend.RemoveUsage(f.Context(), later())
			f.ok(err)
			f.ok(f.backend.AddUsage(f.Context(), b)) // nobody remembers the number
			equal(f, f.usageTotal(keyID(1)), 10)
		}},
		{"UsageArrivals", "answers how much has arrived of each replica that delivered, by id, and which ended", usageArrivals},
		{"UsageMinutes", "answers at most limit rows of the key and the time, by minute and reason", usageMinutesRange},
		{"FailingAddresses", "answers at most limit rows of the time, the heaviest first", failingAddressesRange},
		{"UsageGaps", "answers at most limit gaps that reach into the time, by their beginning", usageGapsRange},
	}
}

func usageArrivals(f *fixture) {
	final := f.sampleUsage("rep_1", 1)
	final.Final = true
	ahead := f.sampleUsage("rep_2", 3) // the second is missing: what came counts up to the first
	for _, b := range []store.UsageBatch{f.sampleUsage("rep_2", 1), ahead, final} {
		f.ok(f.backend.AddUsage(f.Context(), b))
	}
	got, err := f.backend.UsageArrivals(f.Context())
	f.ok(err)
	equal(f, got, []store.UsageArrival{
		{Replica: "rep_1", Until: final.At, EndedAt: final.At}, {Replica: "rep_2", Until: f.sampleUsage("rep_2", 1).At},
	})
}

// later is after everything, by any clock: databases have their own.
func later() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }

func crowd(marks ...sketch.Mark) (s sketch.Sketch) {
	for _, m := range marks {
		s.Add(m)
	}
	return s
}

// sampleUsage is a batch about key 1, about no key, and two addresses.
func (f *fixture) sampleUsage(replica string, sequence int64) store.UsageBatch {
	now := f.clock.now()
	minute := now.Truncate(time.Minute)
	return store.UsageBatch{
		Replica: replica, Sequence: sequence, Started: now.Add(-time.Hour), At: now.Add(time.Duration(sequence) * time.Second),
		Keys: []store.KeyUsage{
			{Minute: minute, Minutes: 1, KeyID: keyID(1), Reason: "allowed", Policy: "reports", Checks: 10, Latency: 3 * time.Millisecond, Addresses: crowd(1, 900)},
			{Minute: minute, Minutes: 3, Reason: "unknown_key", Checks: 5, Latency: time.Microsecond, Addresses: crowd(7)},
		},
		Used: []store.KeyLastUse{
			{KeyID: keyID(1), At: now, Address: netip.MustParseAddr("192.0.2.1"), Networks: []netip.Addr{netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("2001:db8::")}},
			{KeyID: keyID(2), At: now},
		},
		Failing: []store.FailingAddress{
			{Minute: minute, Reason: "unknown_key", Address: netip.MustParseAddr("2001:db8::"), Checks: 2, Uncertain: 1},
			{Minute: minute, Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.9"), Checks: 4},
		},
	}
}

func (f *fixture) usageOf(id string) []store.UsageMinute {
	f.Helper()
	found, err := f.backend.UsageMinutes(f.Context(), id, time.Unix(0, 0), later(), 1000)
	f.ok(err)
	return found
}

func (f *fixture) usageTotal(id string) (total int64) {
	f.Helper()
	for _, u := range f.usageOf(id) {
		total += u.Checks
	}
	return total
}

func (f *fixture) failing() []store.FailingAddress {
	f.Helper()
	found, err := f.backend.FailingAddresses(f.Context(), time.Unix(0, 0), later(), 1000)
	f.ok(err)
	return found
}

func (f *fixture) failingTotal() (total int64) {
	f.Helper()
	for _, a := range f.failing() {
		total += a.Checks
	}
	return total
}

func (f *fixture) gaps() []store.UsageGap {
	f.Helper()
	found, err := f.backend.UsageGaps(f.Context(), time.Unix(0, 0), later(), 1000)
	f.ok(err)
	return found
}

// recordGaps looks for those that have been silent up to now, by any clock:
// databases have their own for when a batch came, and for how far ahead a
// replica may report (a minute).
func (f *fixture) recordGaps(want int) {
	f.Helper()
	now := time.Now().Add(time.Second) //nolint:forbidigo // the clock of a database on this machine
	n, err := f.backend.RecordUsageGaps(f.Context(), now)
	f.ok(err)
	equal(f, n, want)
}

func usageKept(f *fixture) {
	f.references()
	k := f.fullKey(1)
	f.insertKeys(k)
	b := f.sampleUsage("rep_1", 1)
	f.ok(f.backend.AddUsage(f.Context(), b))
	equal(f, f.usageOf(keyID(1)), []store.UsageMinute{{KeyUsage: b.Keys[0], Namespace: "tenant", Owner: "team", Plan: "basic"}})
	equal(f, f.usageOf(""), []store.UsageMinute{{KeyUsage: b.Keys[1]}})
	equal(f, f.failing(), []store.FailingAddress{b.Failing[1], b.Failing[0]})
	stored := f.storedKey(1)
	equal(f, stored.LastUsedAt, f.clock.now())
	equal(f, stored.LastUsedIP, netip.MustParseAddr("192.0.2.1"))
}

// usageAnyOrder delivers many batches of two replicas, mixed and each several
// times, by several deliverers.
func usageAnyOrder(f *fixture) {
	const batches, deliverers = 30, 4
	var all errgroup.Group
	for d := range deliverers {
		all.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(d), 1)) //nolint:gosec // an order, no secret
			for _, i := range random.Perm(2 * batches) {
				replica := []string{"rep_1", "rep_2"}[i%2]
				if err := f.backend.AddUsage(f.Context(), f.sampleUsage(replica, int64(i/2+1))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.ok(all.Wait())
	equal(f, f.usageTotal(keyID(1)), 2*batches*10)
	equal(f, f.usageTotal(""), 2*batches*5)
	equal(f, f.failingTotal(), 2*batches*6)
}

func usageSummed(f *fixture) {
	first, second := f.sampleUsage("rep_1", 1), f.sampleUsage("rep_2", 1)
	second.Keys[0].Addresses, second.Keys[0].Minutes = crowd(900, 1023), 2
	second.Keys[0].Latency = 4 * time.Millisecond
	f.ok(f.backend.AddUsage(f.Context(), first))
	f.ok(f.backend.AddUsage(f.Context(), second))
	want := first.Keys[0]
	want.Checks, want.Latency, want.Addresses, want.Minutes = 20, 7*time.Millisecond, crowd(1, 900, 1023), 2
	equal(f, f.usageOf(keyID(1)), []store.UsageMinute{{KeyUsage: want}})
	equal(f, f.failing()[1].Uncertain, 2)
	equal(f, f.failing()[0].Checks, 8)
}

// usageSummedInOne: what the reporting process never does is summed, and not an
// error that would have the batch delivered for ever.
func usageSummedInOne(f *fixture) {
	twice, again := f.sampleUsage("rep_1", 1), f.sampleUsage("rep_1", 1)
	again.Keys[0].Addresses, again.Keys[0].Minutes = crowd(900, 1023), 2
	want := twice.Keys[0]
	twice.Keys, twice.Failing = append(twice.Keys, again.Keys...), append(twice.Failing, again.Failing...)
	f.ok(f.backend.AddUsage(f.Context(), twice))
	want.Checks, want.Latency, want.Addresses, want.Minutes = 20, 6*time.Millisecond, crowd(1, 900, 1023), 2
	equal(f, f.usageOf(keyID(1)), []store.UsageMinute{{KeyUsage: want}})
	equal(f, f.failing()[1].Uncertain, 2)
	equal(f, f.failing()[0].Checks, 8)
}

func usageLastUse(f *fixture) {
	f.insertKeys(f.bareKey(1))
	before := f.storedKey(1)
	head, err := f.backend.Head(f.Context())
	f.ok(err)
	first := f.clock.now()
	for i, step := range []struct {
		at   time.Time
		want time.Time
	}{
		{first, first},
		{first.Add(59 * time.Second), first},
		{first.Add(time.Minute), first.Add(time.Minute)},
		{first.Add(-time.Hour), first.Add(time.Minute)},
	} {
		b := f.sampleUsage("rep_1", int64(i+1))
		b.Used = []store.KeyLastUse{{KeyID: keyID(1), At: step.at}}
		f.ok(f.backend.AddUsage(f.Context(), b))
		equal(f, f.storedKey(1).LastUsedAt, step.want)
		equal(f, f.storedKey(1).LastUsedIP, netip.Addr{})
	}
	for since, want := range map[time.Time]int{first.Add(time.Minute): 0, first.Add(time.Minute + 1000): 1} {
		unused, _, err := f.backend.Keys(f.Context(), store.KeyFilter{UnusedSince: since}, store.Page{})
		f.ok(err)
		equal(f, len(unused), want)
	}
	after := f.storedKey(1)
	after.LastUsedAt = time.Time{}
	equal(f, after, before)
	now, err := f.backend.Head(f.Context())
	f.ok(err)
	equal(f, now, head)
	f.ok(f.tryUpdateKey(before)) // no If-Match is spoiled
	equal(f, f.storedKey(1).LastUsedAt, first.Add(time.Minute))
}

func usageGapKilled(f *fixture) {
	b := f.sampleUsage("rep_1", 1)
	f.ok(f.backend.AddUsage(f.Context(), b))
	r := f.sampleReplica("rep_1")
	r.LeftAt, r.SeenAt = time.Time{}, b.At.Add(4*time.Second)
	f.ok(f.backend.PutReplica(f.Context(), r))
	f.recordGaps(1)
	f.recordGaps(0)
	equal(f, f.gaps(), []store.UsageGap{{Replica: "rep_1", From: b.At, To: r.SeenAt, Cause: store.GapKilled}})
}

func usageGapAlive(f *fixture) {
	signedOff := f.sampleUsage("rep_1", 1)
	signedOff.Final = true
	f.ok(f.backend.AddUsage(f.Context(), signedOff))
	reports := f.sampleReplica("rep_2")
	reports.LeftAt, reports.SeenAt = time.Time{}, later()
	f.ok(f.backend.PutReplica(f.Context(), reports))
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_2", 1)))
	f.recordGaps(0)
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_3", 1)))
	n, err := f.backend.RecordUsageGaps(f.Context(), f.clock.now().Add(-time.Hour))
	f.ok(err)
	equal(f, n, 0)
}

func usageGapLost(f *fixture) {
	for _, sequence := range []int64{1, 4, 5, 7} {
		f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", sequence)))
	}
	reports := f.sampleReplica("rep_1")
	reports.LeftAt, reports.SeenAt = time.Time{}, later()
	f.ok(f.backend.PutReplica(f.Context(), reports))
	f.recordGaps(2)
	at := func(sequence int64) time.Time { return f.sampleUsage("rep_1", sequence).At }
	equal(f, f.gaps(), []store.UsageGap{
		{Replica: "rep_1", From: at(1), To: at(4), Cause: store.GapLost},
		{Replica: "rep_1", From: at(5), To: at(7), Cause: store.GapLost},
	})
	f.recordGaps(0)
	for _, sequence := range []int64{2, 3, 6, 7, 8} {
		f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", sequence)))
	}
	equal(f, f.usageTotal(keyID(1)), 50) // 1, 4, 5, 7 and 8
}

func usageRemoved(f *fixture) {
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
	old := f.clock.now().Truncate(time.Minute)
	f.clock.advance(time.Minute)
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 2)))
	n, err := f.backend.RemoveUsage(f.Context(), old.Add(time.Minute))
	f.ok(err)
	equal(f, n, 2) // what has not been summed into hours stays
	f.roll(old.Add(time.Minute))
	n, err = f.backend.RemoveUsage(f.Context(), old.Add(time.Minute))
	f.ok(err)
	equal(f, n, 2)
	equal(f, len(f.usageOf(keyID(1))), 1)
	equal(f, len(f.failing()), 2)
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 2))) // a running replica is not forgotten
	equal(f, f.usageTotal(keyID(1)), 10)
}

func usageMinutesRange(f *fixture) {
	start := f.clock.now().Truncate(time.Minute)
	b := f.sampleUsage("rep_1", 1)
	b.Keys = nil
	for _, reason := range []string{"rate_limited", "allowed"} {
		for m := range 4 {
			b.Keys = append(b.Keys, store.KeyUsage{
				Minute: start.Add(time.Duration(m) * time.Minute), Minutes: 1, KeyID: keyID(1), Reason: reason, Checks: int64(m),
			})
		}
	}
	f.ok(f.backend.AddUsage(f.Context(), b))
	found, err := f.backend.UsageMinutes(f.Context(), keyID(1), start.Add(time.Minute), start.Add(3*time.Minute), 3)
	f.ok(err)
	inOrder(f, names(found, func(u store.UsageMinute) string {
		return u.Minute.Sub(start).String() + u.Reason
	}), "1m0sallowed", "1m0srate_limited", "2m0sallowed")
}

func failingAddressesRange(f *fixture) {
	f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage("rep_1", 1)))
	start := f.clock.now().Truncate(time.Minute)
	one, err := f.backend.FailingAddresses(f.Context(), start, start.Add(time.Minute), 1)
	f.ok(err)
	inOrder(f, names(one, func(a store.FailingAddress) string { return a.Address.String() }), "192.0.2.9")
	none, err := f.backend.FailingAddresses(f.Context(), start.Add(time.Minute), later(), 10)
	f.ok(err)
	equal(f, len(none), 0)
}

func usageGapsRange(f *fixture) {
	for _, replica := range []string{"rep_2", "rep_1", "rep_3"} {
		f.ok(f.backend.AddUsage(f.Context(), f.sampleUsage(replica, 1)))
	}
	f.recordGaps(3)
	at := f.sampleUsage("rep_1", 1).At
	found, err := f.backend.UsageGaps(f.Context(), at, at.Add(time.Microsecond), 2)
	f.ok(err)
	inOrder(f, names(found, func(g store.UsageGap) string { return g.Replica }), "rep_1", "rep_2")
	found, err = f.backend.UsageGaps(f.Context(), at.Add(time.Microsecond), later(), 10)
	f.ok(err)
	equal(f, found, nil)
}
