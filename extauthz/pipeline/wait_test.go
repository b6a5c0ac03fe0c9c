package pipeline

import (
	"context"
	"testing"
)

type waiter struct{ told int }

func (w *waiter) Wait() { w.told++ }

// TestWhoWaitsIsToldToTheTransport, if that wants to know.
func TestWhoWaitsIsToldToTheTransport(t *testing.T) {
	Waits(t.Context())
	w := &waiter{}
	Waits(context.WithValue(t.Context(), WaitKey{}, w))
	if w.told != 1 {
		t.Errorf("told %d times", w.told)
	}
}
