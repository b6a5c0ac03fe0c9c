package management_test

import (
	"testing"

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
			got, err := step.set(management.AnomalyChange{ID: "ano_a", Note: "load test"})
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
	if _, err := w.AnomalyAcknowledge(t.Context(), onlyA, management.AnomalyChange{ID: "ano_a"}); err != nil {
		t.Fatal(err)
	}
	if list(management.AnomalyList{}) != 0 || list(management.AnomalyList{All: true}) != 1 || list(management.AnomalyList{State: "resolved"}) != 1 {
		t.Error("a resolved finding is shown, or cannot be found")
	}
	_, err := w.AnomalyList(t.Context(), onlyA, management.AnomalyList{Severity: "grave"})
	refused(t, err, management.CodeInvalidInput)
	_, err = w.AnomalyResolve(t.Context(), onlyA, management.AnomalyChange{ID: "ano_a", Note: "two\nlines"})
	refused(t, err, management.CodeInvalidInput)
}
