package management_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// TestAFindingIsAcknowledgedAndResolvedOnceAndThatIsAudited: what was said
// before is no change, and what is resolved stays so.
func TestAFindingIsAcknowledgedAndResolvedOnceAndThatIsAudited(t *testing.T) {
	w := newTenants(t)
	list := func(in management.AnomalyList) int {
		t.Helper()
		found, err := w.AnomalyList(t.Context(), onlyA, in)
		must(t, err)
		return len(found.Items)
	}
	for _, step := range []struct {
		set    func(management.AnomalyChange) (store.Anomaly, error)
		state  store.AnomalyState
		action string
	}{
		{func(in management.AnomalyChange) (store.Anomaly, error) {
			return w.AnomalyAcknowledge(t.Context(), onlyA, in)
		}, store.AnomalyAcknowledged, "anomaly.acknowledge"},
		{func(in management.AnomalyChange) (store.Anomaly, error) {
			return w.AnomalyResolve(t.Context(), onlyA, in)
		}, store.AnomalyResolved, "anomaly.resolve"},
	} {
		var before int
		for range 2 {
			got, err := step.set(management.AnomalyChange{ID: w.finding("a"), Note: "load test"})
			must(t, err)
			if got.State != step.state || got.StateBy != onlyA.ID || got.Note != "load test" || !got.StateAt.Equal(w.clock()) {
				t.Errorf("%+v", got)
			}
			entry, _ := w.last("a")
			if entry.Action != step.action || entry.KeyID != w.key["a"] {
				t.Errorf("audited %s of %q", entry.Action, entry.KeyID)
			}
			if n := len(w.entries("a")); before != 0 && n != before {
				t.Errorf("%d entries after saying it again, want %d", n, before)
			} else {
				before = n
			}
		}
	}
	if _, err := w.AnomalyAcknowledge(t.Context(), onlyA, management.AnomalyChange{ID: w.finding("a")}); err != nil {
		t.Fatal(err)
	}
	if list(management.AnomalyList{}) != 0 || list(management.AnomalyList{All: true}) != 1 || list(management.AnomalyList{State: "resolved"}) != 1 {
		t.Error("a resolved finding is shown, or cannot be found")
	}
	_, err := w.AnomalyList(t.Context(), onlyA, management.AnomalyList{Severity: "grave"})
	refused(t, err, management.CodeInvalidInput)
	_, err = w.AnomalyResolve(t.Context(), onlyA, management.AnomalyChange{ID: w.finding("a"), Note: "two\nlines"})
	refused(t, err, management.CodeInvalidInput)
}

// TestAFindingIsToldOnceAndWhenItIsResolved: in the transaction in which it is
// written down, with its audit entry; what is merged is no news.
func TestAFindingIsToldOnceAndWhenItIsResolved(t *testing.T) {
	f := newFixture(t)
	all, own := f.hook("", "anomaly.*").Webhook.ID, f.hook("a", "anomaly.*").Webhook.ID
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	seen := store.Anomaly{
		Type: "rate_change", Severity: store.SeverityMedium, Namespace: "a", KeyID: k.KeyID, Subject: "key:" + k.KeyID,
		FirstAt: f.clock(), LastAt: f.clock(), Evidence: store.Evidence{Observed: 5, Message: "much"},
	}
	found, fresh, err := f.AnomalySee(t.Context(), seen)
	must(t, err)
	if entry, _ := f.last("a"); !fresh || entry.Action != "anomaly.open" || entry.Actor != "job:anomalies" || entry.KeyID != k.KeyID {
		t.Errorf("fresh: %v, audited: %+v", fresh, entry)
	}
	f.advance(time.Minute)
	seen.LastAt, seen.Evidence.Observed = f.clock(), 9
	if again, fresh, err := f.AnomalySee(t.Context(), seen); err != nil || fresh || again.ID != found.ID || again.Evidence.Observed != 9 {
		t.Errorf("merged: %+v, %v, %v", again, fresh, err)
	}
	address := store.Anomaly{
		Type: "brute_force", Severity: store.SeverityHigh, Subject: "address:192.0.2.1", FirstAt: f.clock(), LastAt: f.clock(),
	}
	_, _, err = f.AnomalySee(t.Context(), address)
	must(t, err)
	_, err = f.AnomalyResolve(t.Context(), global, management.AnomalyChange{ID: found.ID, Note: "load test"})
	must(t, err)
	if got := types(f.told(own)); got != "anomaly.opened anomaly.resolved" {
		t.Errorf("the namespace was told %q", got)
	}
	if got := types(f.told(all)); got != strings.Repeat("anomaly.opened ", 2)+"anomaly.resolved" {
		t.Errorf("all were told %q", got)
	}
	if data := string(f.told(own)[1].Data); !strings.Contains(data, `"note":"load test"`) || !strings.Contains(data, `"state":"resolved"`) {
		t.Errorf("told %s", data)
	}
}

// TestAFindingThatCannotBeWrittenIsNotTold: of a key that nobody has.
func TestAFindingThatCannotBeWrittenIsNotTold(t *testing.T) {
	f := newFixture(t)
	w := f.hook("", "*").Webhook.ID
	_, fresh, err := f.AnomalySee(t.Context(), store.Anomaly{
		Type: "dead_key_used", Severity: store.SeverityHigh, KeyID: "key_none", Subject: "key:key_none", FirstAt: f.clock(), LastAt: f.clock(),
	})
	if fresh || !errors.Is(err, store.ErrMissingReference) || len(f.told(w)) != 0 {
		t.Errorf("fresh: %v, %v, told %d", fresh, err, len(f.told(w)))
	}
}
