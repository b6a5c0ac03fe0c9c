package management_test

import (
	"net/netip"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// TestAReplayShowsWhatWouldBeNextToWhatWas, and says of both when the other is
// not there.
func TestAReplayShowsWhatWouldBeNextToWhatWas(t *testing.T) {
	w := newWatched(t, rules(blacklists))
	was := w.seeAddress("address:192.0.2.1")
	w.seeAddress("address:192.0.2.3")
	must(t, w.store.AddUsage(t.Context(), store.UsageBatch{
		Replica: "rep_1", Sequence: 1, Started: start, At: start,
		Failing: []store.FailingAddress{
			{Minute: start.Add(-time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.1"), Checks: 500},
			{Minute: start.Add(-time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.2"), Checks: 60},
		},
	}))
	tried := rules()
	tried.Thresholds = map[string]string{"guesses": "50"}
	r, err := w.AnomalyReplay(t.Context(), global, management.AnomalyReplay{Policy: &tried})
	must(t, err)
	if r.Found != 2 || r.Happened != 2 || len(r.Items) != 3 {
		t.Fatalf("%+v", r)
	}
	both, fresh, gone := r.Items[0], r.Items[1], r.Items[2]
	if both.Would == nil || both.Happened == nil || both.Happened.ID != was.ID || len(both.Would.Actions) != 0 || len(both.Happened.Actions) != 1 {
		t.Errorf("what is on both sides: %+v", both)
	}
	if fresh.Would == nil || fresh.Happened != nil || fresh.Would.Subject != "address:192.0.2.2" {
		t.Errorf("what would be new: %+v", fresh)
	}
	if gone.Would != nil || gone.Happened == nil || gone.Happened.Subject != "address:192.0.2.3" {
		t.Errorf("what would not be found: %+v", gone)
	}
	if r, err = w.AnomalyReplay(t.Context(), global, management.AnomalyReplay{}); err != nil || r.Found != 1 || len(r.Items[0].Would.Actions) != 1 {
		t.Errorf("by the policy that holds: %+v, %v", r, err)
	}
}

func TestAReplayOfTooMuchOrByAPolicyWithoutSenseIsRefused(t *testing.T) {
	f := newFixture(t)
	for name, in := range map[string]management.AnomalyReplay{
		"since":                   {Since: start.AddDate(0, 0, -100)},
		"actions[0].anomaly_type": {Policy: &management.AnomalyPolicyDocument{Actions: []management.AnomalyRule{{Type: "magic", Severity: "high", Action: "suspend"}}}},
	} {
		_, err := f.AnomalyReplay(t.Context(), global, in)
		if e := refused(t, err, management.CodeInvalidInput); len(e.Fields) != 1 || e.Fields[0].Field != name {
			t.Errorf("%s: %+v", name, e.Fields)
		}
	}
	_, err := f.AnomalyReplay(t.Context(), global, management.AnomalyReplay{Since: start, Until: start.Add(-time.Hour)})
	refused(t, err, management.CodeInvalidInput)
}
