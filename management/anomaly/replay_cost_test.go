package anomaly_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// ledger is a past of keys that are used every hour, one of whom is refused
// every minute, and counts what is read of it.
type ledger struct {
	keys    []string
	made    time.Time
	sums    map[store.UsageStep]int // rows
	refused int                     // rows
	asked   map[string]int          // keys
}

func newLedger(n int) *ledger {
	l := &ledger{made: noon.AddDate(-1, 0, 0), sums: map[store.UsageStep]int{}, asked: map[string]int{}}
	for i := range n {
		l.keys = append(l.keys, fmt.Sprintf("key_%05d", i))
	}
	return l
}

func (l *ledger) Key(_ context.Context, id string) (store.Key, error) {
	l.asked[id]++
	return store.Key{KeyID: id, Namespace: "tenant", CreatedAt: l.made}, nil
}

func (*ledger) Keys(context.Context, store.KeyFilter, store.Page) ([]store.Key, store.Cursor, error) {
	return nil, "", nil
}

func (*ledger) KeyNetworks(context.Context, string, time.Time, time.Time, int) ([]store.KeyNetwork, error) {
	return nil, nil
}

func (l *ledger) minutes(from, until time.Time) (all []time.Time) {
	for at := from; at.Before(until); at = at.Add(time.Minute) {
		l.refused++
		all = append(all, at)
	}
	return all
}

func (l *ledger) DeniedMinutes(_ context.Context, from, until time.Time, _ int) (all []store.UsageMinute, _ error) {
	for _, at := range l.minutes(from, until) {
		u := store.UsageMinute{Namespace: "tenant"}
		u.Minute, u.KeyID, u.Reason, u.Checks = at, l.keys[0], "scope_missing", 1
		all = append(all, u)
	}
	return all, nil
}

func (l *ledger) FailingAddresses(_ context.Context, from, until time.Time, _ int) (all []store.FailingAddress, _ error) {
	for _, at := range l.minutes(from, until) {
		all = append(all, store.FailingAddress{Minute: at, Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.1"), Checks: 1})
	}
	return all, nil
}

func (l *ledger) UsageSums(_ context.Context, q store.UsageQuery) (all []store.UsageSum, _ error) {
	length := time.Hour
	if q.Step == store.UsageByDay {
		length = 24 * time.Hour
	}
	for at := q.From; at.Before(q.Until); at = at.Add(length) {
		for i, id := range l.keys {
			all = append(all, store.UsageSum{Start: at, Group: id, Checks: int64(100 + i%7)})
		}
	}
	l.sums[q.Step] += len(all)
	return all, nil
}

// TestAReplayReadsEachRowOfThePastOnce, so that it takes as long as there is
// much, not longer: hours, days, keys and refusals.
func TestAReplayReadsEachRowOfThePastOnce(t *testing.T) {
	l := newLedger(30)
	const days = 10
	empty := anomaly.Policy{}
	plan, _ := empty.Check()
	if _, notes, err := anomaly.Replay(t.Context(), l, noon.AddDate(0, 0, -days), noon, &plan, nil); err != nil || len(notes) != 0 {
		t.Fatalf("%q, %v", notes, err)
	}
	// 28 days and an hour lie before the first hour, and 31 days before its day.
	if most := (days + 28) * 24 * 30; l.sums[store.UsageByHour] > most+30 {
		t.Errorf("%d rows of hours were read, of %d there are", l.sums[store.UsageByHour], most)
	}
	if most := (days + 32) * 30; l.sums[store.UsageByDay] > most {
		t.Errorf("%d rows of days were read, of %d there are", l.sums[store.UsageByDay], most)
	}
	if most := 2 * (days*24*60 + 10); l.refused > most {
		t.Errorf("%d rows of refusals were read, of %d there are", l.refused, most)
	}
	for id, n := range l.asked {
		if n > 1 {
			t.Errorf("%s was read %d times", id, n)
		}
	}
}

// TestARefusalCountsInEachWindowThatHoldsIt: the parts that a replay makes of
// its rows are those that the watch would have read.
func TestARefusalCountsInEachWindowThatHoldsIt(t *testing.T) {
	d := newDesk(t)
	d.key("key_slow", store.KeyTypeService, noon.AddDate(0, -1, 0))
	// Ten in eleven minutes across the end of an hour: nine are the most in a
	// window of ten minutes and the minute that is judged.
	for n := range 3 {
		d.count("key_slow", "scope_missing", noon.Add(-2*time.Hour-5*time.Minute+time.Duration(5*n)*time.Minute), 3)
	}
	d.count("key_slow", "scope_missing", noon.Add(-2*time.Hour+6*time.Minute), 1)
	since := noon.Add(-4 * time.Hour)
	for probes, want := range map[string][]string{"9": {"scope_probing medium key:key_slow"}, "10": nil} {
		if got := d.replayed(since, anomaly.Policy{Thresholds: map[string]string{"probes": probes}}); !slices.Equal(got, want) {
			t.Errorf("%s within ten minutes: %q, want %q", probes, got, want)
		}
	}
}

// BenchmarkReplay replays 30 days in which each key was used every hour; -args
// -keys says how many there are.
func BenchmarkReplay(b *testing.B) {
	l := newLedger(*keys)
	empty := anomaly.Policy{}
	plan, _ := empty.Check()
	for b.Loop() {
		if _, _, err := anomaly.Replay(b.Context(), l, noon.AddDate(0, 0, -30), noon, &plan, nil); err != nil {
			b.Fatal(err)
		}
	}
}
