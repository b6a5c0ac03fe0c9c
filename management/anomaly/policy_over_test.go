package anomaly_test

import (
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// TestWhatWasNotPossibleIsDecidedAnewAfterAnHour: somebody may have said what
// was missing.
func TestWhatWasNotPossibleIsDecidedAnewAfterAnHour(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	for _, outcome := range []string{anomaly.OutcomeCapped, anomaly.OutcomeImpossible} {
		a := []store.AnomalyAction{{Action: anomaly.ActionBlacklist, Severity: store.SeverityHigh, Outcome: outcome, At: at}}
		if !anomaly.Decided(a, store.SeverityHigh, at.Add(59*time.Minute)) {
			t.Errorf("%s is not decided within the hour", outcome)
		}
		if anomaly.Decided(a, store.SeverityHigh, at.Add(time.Hour)) {
			t.Errorf("%s is decided for ever", outcome)
		}
	}
}
