package anomaly_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// TestWhatReplicasWithWrongClocksCountIsFoundAndNeverSeenLaterThanNow: one that
// is behind within the window, one that is ahead once its time has come.
func TestWhatReplicasWithWrongClocksCountIsFoundAndNeverSeenLaterThanNow(t *testing.T) {
	d := newDesk(t)
	for id, skew := range map[string]time.Duration{"key_behind": -8 * time.Minute, "key_ahead": 50 * time.Second, "key_far": 30 * time.Minute} {
		d.key(id, store.KeyTypeService, noon.AddDate(0, -1, 0))
		d.count(id, "revoked", noon.Add(skew), 5)
	}
	if got := d.found(2); !slices.Equal(got, []string{"dead_key_used default", "dead_key_used default"}) {
		t.Errorf("found %q", got)
	}
	for _, id := range []string{"key_behind", "key_ahead"} {
		a, err := d.store.LatestAnomaly(t.Context(), anomaly.DeadKeyUsed, "key:"+id)
		must(t, err)
		if a.LastAt.After(d.now) || a.FirstAt.After(a.LastAt) {
			t.Errorf("%s was seen from %v to %v, and it is %v", id, a.FirstAt, a.LastAt, d.now)
		}
	}
	d.now = noon.Add(30 * time.Minute)
	d.found(1)
}

// TestAControlPlaneWhoseClockGoesBackFindsNothingTwice, and goes on when it
// is right again.
func TestAControlPlaneWhoseClockGoesBackFindsNothingTwice(t *testing.T) {
	d := newDesk(t)
	d.key("key_1", store.KeyTypeService, noon.AddDate(0, -1, 0))
	d.count("key_1", "revoked", noon, 5)
	d.found(1)
	for _, at := range []time.Time{noon.Add(-time.Hour), noon.Add(-time.Minute), noon.AddDate(-1, 0, 0), noon.Add(time.Minute)} {
		d.now = at
		d.found(0)
	}
	a, err := d.store.LatestAnomaly(t.Context(), anomaly.DeadKeyUsed, "key:key_1")
	must(t, err)
	if a.State != store.AnomalyOpen || a.Evidence.Observed != 5 {
		t.Errorf("%+v", a)
	}
}

// TestBatchesThatComeTwiceOrOutOfOrderChangeNoFinding.
func TestBatchesThatComeTwiceOrOutOfOrderChangeNoFinding(t *testing.T) {
	d := newDesk(t)
	batches := make([]store.UsageBatch, 4)
	for i := range batches {
		batches[i] = store.UsageBatch{
			Replica: "rep_1", Sequence: int64(i + 1), Started: noon, At: noon,
			Failing: []store.FailingAddress{{Minute: noon.Add(-time.Duration(i) * time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.9"), Checks: 30}},
		}
	}
	for _, i := range []int{2, 0, 2, 3, 1, 0, 3} {
		must(t, d.store.AddUsage(t.Context(), batches[i]))
		if _, err := d.watch.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a, err := d.store.LatestAnomaly(t.Context(), anomaly.BruteForce, "address:192.0.2.9")
	must(t, err)
	all, _, err := d.store.Anomalies(t.Context(), store.AnomalyFilter{}, store.Page{})
	must(t, err)
	if a.Evidence.Observed != 120 || len(all) != 1 {
		t.Errorf("%v guesses, %d findings; want 120, 1", a.Evidence.Observed, len(all))
	}
}
