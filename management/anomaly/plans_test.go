package anomaly_test

import (
	"testing"

	"credence/management/anomaly"
	"credence/store"
)

// TestAPolicyIsReadOnceForAllFindingsAndAnewWhenItChanges: also one that cannot
// be read, and another document under the same version.
func TestAPolicyIsReadOnceForAllFindingsAndAnewWhenItChanges(t *testing.T) {
	var plans anomaly.Plans
	for _, step := range []struct {
		stored  store.AnomalyPolicy
		guesses int64
	}{
		{store.AnomalyPolicy{Version: 1, Document: `{"thresholds":{"guesses":"7"}}`}, 7},
		{store.AnomalyPolicy{Version: 2, Document: `{"thresholds":{"guesses":"8"}}`}, 8},
		{store.AnomalyPolicy{Version: 2, Document: `{"thresholds":{"guesses":"9"}}`}, 9},
		{store.AnomalyPolicy{Version: 3, Document: `{"wishes":{}}`}, 0},
		{store.AnomalyPolicy{Version: 4, Document: `{}`}, anomaly.Defaults().Guesses},
	} {
		first, failed := plans.Of(step.stored)
		if (failed != nil) != (step.guesses == 0) || failed == nil && first.Thresholds.Guesses != step.guesses {
			t.Errorf("%s: %+v, %v", step.stored.Document, first.Thresholds, failed)
		}
		if n := testing.AllocsPerRun(100, func() {
			if again, err := plans.Of(step.stored); again != first || (err != nil) != (failed != nil) {
				t.Errorf("%s: read again", step.stored.Document)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations to read what was read, want none", step.stored.Document, n)
		}
	}
}
