package cache_test

import (
	"context"
	"testing"

	"credence/extauthz/pipeline"
)

// waiter counts how often it was told, and what the store had been asked then.
type waiter struct {
	gate  *gate
	told  int
	reads int64
}

func (w *waiter) Wait() {
	w.told++
	w.reads = w.gate.reads.Load()
}

// TestOnlyAFindThatWaitsSaysSo: before the store is asked, and not for what is
// known, or known not to be.
func TestOnlyAFindThatWaitsSaysSo(t *testing.T) {
	w := newWorld(t, nil)
	known, _ := w.known()
	told := &waiter{gate: w.gate}
	ctx := context.WithValue(t.Context(), pipeline.WaitKey{}, told)
	find := func(want int, reads int64) {
		t.Helper()
		unknown := w.mint()
		for range 2 { // the second time it is known not to be
			_, _, err := w.cache.Find(ctx, unknown)
			w.ok(err)
		}
		_, _, err := w.cache.Find(ctx, known)
		w.ok(err)
		if told.told != want || told.reads != reads {
			t.Errorf("told %d times, last after %d reads; want %d, %d", told.told, told.reads, want, reads)
		}
	}
	before := w.gate.reads.Load()
	find(1, before)
	find(2, before+1)
}
