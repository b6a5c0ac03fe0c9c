package limiter_test

import (
	"context"
	"testing"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
)

type waiter struct{ told int }

func (w *waiter) Wait() { w.told++ }

// TestOnlyATakeThatWaitsSaysSo: for units of a quota or of a rate that are not
// there, each time for exact ones, and never for what is at hand.
func TestOnlyATakeThatWaitsSaysSo(t *testing.T) {
	rates := []pipeline.SubjectLimit{of("key:a", limit.Limit{Name: "second", Limit: 1000, Period: time.Second})}
	quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)}
	here := newWorld(t, &counters{QuotaCounters: &memoryCounters{}}, nil).limiter
	for name, c := range map[string]struct {
		limiter *limiter.Limiter
		rates   []pipeline.SubjectLimit
		quotas  []pipeline.SubjectQuota
		first   int // told by the first take
		later   int // by each of the next ones
	}{
		"rates here": {here, rates, nil, 0, 0},
		"a quota":    {here, rates, quotas, 1, 0},
		"leased":     {newFleet(t, 1, false, nil, nil).replicas[0], rates, nil, 1, 0},
		"exact":      {newFleet(t, 1, true, nil, nil).replicas[0], rates, nil, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			told := &waiter{}
			ctx := context.WithValue(t.Context(), pipeline.WaitKey{}, told)
			take := func() int {
				t.Helper()
				before := told.told
				if _, ok, err := c.limiter.Take(ctx, time.Now(), 1, c.rates, c.quotas, nil); !ok || err != nil {
					t.Fatalf("%t, %v", ok, err)
				}
				return told.told - before
			}
			if got := take(); got != c.first {
				t.Errorf("the first says so %d times, want %d", got, c.first)
			}
			for range 3 {
				if got := take(); c.later == 0 && name != "leased" && got != 0 || c.later > 0 && got != c.later {
					t.Errorf("a later one says so %d times, want %d", got, c.later)
				}
			}
		})
	}
}
