package store_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"credence/store"
)

// line has a full queue, and callers that join it one after the other.
type line struct {
	queue  *store.Queue
	leave  func()
	served []string
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{queue: store.NewQueue(1)}
	l.leave = l.enter(t.Context(), t)
	return l
}

func (l *line) enter(ctx context.Context, t *testing.T) func() {
	t.Helper()
	leave, err := l.queue.Enter(ctx)
	if err != nil {
		t.Error(err)
	}
	return leave
}

// join has the caller wait; when it is let in it notes its name and leaves.
func (l *line) join(t *testing.T, name string, lane store.Lane) {
	t.Helper()
	ctx := store.WithLane(t.Context(), lane)
	go func() {
		leave := l.enter(ctx, t)
		l.served = append(l.served, name)
		leave()
	}()
	synctest.Wait()
}

func TestATenantCannotHoldUpTheDeploymentOrOtherTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		for range 3 {
			l.join(t, "a", store.Lane{Tenant: "a"})
		}
		l.join(t, "b", store.Lane{Tenant: "b"})
		l.join(t, "a revokes", store.Lane{Tenant: "a", Urgent: true})
		l.join(t, "own", store.Lane{})
		l.join(t, "b revokes", store.Lane{Tenant: "b", Urgent: true})
		if n := l.queue.Waiting(); n != 7 {
			t.Errorf("%d wait, want 7", n)
		}
		l.leave()
		synctest.Wait()
		want := []string{"own", "a revokes", "b revokes", "a", "b", "a", "a"}
		if !slices.Equal(l.served, want) {
			t.Errorf("served %q, want %q", l.served, want)
		}
	})
}

func TestWhoGivesUpLeavesThePlaceToOthers(t *testing.T) {
	for name, lane := range map[string]store.Lane{"tenant": {Tenant: "a"}, "own": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine(t)
				ctx, cancel := context.WithCancel(store.WithLane(t.Context(), lane))
				gone := make(chan error, 1)
				go func() {
					_, err := l.queue.Enter(ctx)
					gone <- err
				}()
				synctest.Wait()
				l.join(t, "other", lane)
				cancel()
				if err := <-gone; err == nil {
					t.Error("let in after it gave up")
				}
				l.leave()
				synctest.Wait()
				if !slices.Equal(l.served, []string{"other"}) || l.queue.Waiting() != 0 {
					t.Errorf("served %q, %d wait", l.served, l.queue.Waiting())
				}
				l.enter(t.Context(), t)() // there is room again
			})
		})
	}
}
