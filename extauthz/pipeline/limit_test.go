package pipeline

import (
	"testing"
	"time"

	"credence/store/limit"
)

func limited(t *testing.T, refuse map[string]time.Duration) *world {
	t.Helper()
	w := newWorld(t)
	w.key.Limits = []SubjectLimit{{Label: "per-second"}, {Label: "per-minute"}}
	w.key.Quotas = []SubjectQuota{{Label: "daily"}}
	w.limiter.refuse = refuse
	return w
}

func TestCallerWaitsForTheSlowestOfTheRefusingLimits(t *testing.T) {
	for _, c := range []struct {
		refuse map[string]time.Duration
		reason Reason
		wait   time.Duration
	}{
		{map[string]time.Duration{"per-second": time.Second}, ReasonRateLimited, time.Second},
		{map[string]time.Duration{"per-second": time.Second, "per-minute": time.Minute}, ReasonRateLimited, time.Minute},
		{map[string]time.Duration{"per-minute": time.Minute, "per-second": time.Second}, ReasonRateLimited, time.Minute},
		{map[string]time.Duration{"daily": time.Hour}, ReasonQuotaExhausted, time.Hour},
		{map[string]time.Duration{"daily": time.Second, "per-minute": time.Minute}, ReasonQuotaExhausted, time.Minute},
		{map[string]time.Duration{"per-second": limit.Never, "per-minute": time.Minute}, ReasonRateLimited, 0}, // waiting does not help
	} {
		d := limited(t, c.refuse).decide(t)
		if d.Reason != c.reason || d.RetryAfter != c.wait || len(d.Limits) != 3 {
			t.Errorf("%v: %v after %v with %d outcomes", c.refuse, d.Reason, d.RetryAfter, len(d.Limits))
		}
	}
}

func TestAllowedDecisionCarriesAllOutcomesAndNoWait(t *testing.T) {
	d := limited(t, nil).decide(t)
	if d.Reason != ReasonAllowed || d.RetryAfter != 0 || len(d.Limits) != 3 {
		t.Errorf("%v after %v with %d outcomes", d.Reason, d.RetryAfter, len(d.Limits))
	}
}

func TestKeyWithoutLimitsAsksNoLimiter(t *testing.T) {
	w := newWorld(t)
	w.limiter.err = errDown
	w.want(t, ReasonAllowed)
	if w.limiter.takes != 0 {
		t.Error("asked")
	}
}
