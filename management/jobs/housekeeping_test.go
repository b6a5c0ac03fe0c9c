package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/store"
)

func newHousekeeping(t *testing.T, o jobs.HousekeepingOptions) *jobs.Housekeeping {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Failures == nil {
		o.Failures, _ = failures(t)
	}
	h, err := jobs.NewHousekeeping(o)
	must(t, err)
	return h
}

// fill puts one thing of each kind into the store, as old as now.
func fill(t *testing.T, s *store.Store, service *management.Service, now time.Time, name string) {
	t.Helper()
	_, err := service.PlanCreate(t.Context(), admin, management.PlanCreate{Name: name, Idempotency: management.Idempotency{Key: name}})
	must(t, err)
	_, _, err = s.ReserveQuota(t.Context(), store.QuotaWindow{Subject: "key:" + name, Name: "daily", Start: now.Add(-time.Hour), End: now}, 1, 10)
	must(t, err)
	must(t, s.PutReplica(t.Context(), store.Replica{ID: "rep_" + name, StartedAt: now, SeenAt: now}))
}

func TestHousekeepingRemovesWhatIsOlderThanItsRetentionAndNothingElse(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
	s, service := open(t, c.Now)
	h := newHousekeeping(t, jobs.HousekeepingOptions{Store: s, Now: c.Now})
	fill(t, s, service, c.Now(), "old")
	c.advance(jobs.DefaultChanges)
	fill(t, s, service, c.Now(), "new")

	result, err := h.RunOnce(t.Context())
	must(t, err)
	if result != (jobs.HousekeepingResult{}) {
		t.Errorf("removed %+v at the end of the retention, not after it", result)
	}
	c.advance(time.Microsecond)
	result, err = h.RunOnce(t.Context())
	must(t, err)
	if result != (jobs.HousekeepingResult{Changes: 1, Idempotency: 1, Quotas: 1}) {
		t.Errorf("removed %+v", result)
	}
	c.advance(jobs.DefaultReplicas - jobs.DefaultChanges)
	result, err = h.RunOnce(t.Context())
	must(t, err)
	// The newest change stays: followers compare their position with it.
	if result != (jobs.HousekeepingResult{Idempotency: 1, Quotas: 1, Replicas: 1}) {
		t.Errorf("removed %+v", result)
	}
	replicas, err := s.Replicas(t.Context(), time.Time{})
	must(t, err)
	if len(replicas) != 1 || replicas[0].ID != "rep_new" {
		t.Errorf("replicas %v", replicas)
	}
	head, err := s.Head(t.Context())
	must(t, err)
	if head.Revision != 2 {
		t.Errorf("head at %d", head.Revision)
	}
}

func TestOnePassRemovesMoreThanOneBatch(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
	s, _ := open(t, c.Now)
	const replicas = store.RemoveBatch + 3
	for i := range replicas {
		must(t, s.PutReplica(t.Context(), store.Replica{ID: fmt.Sprint("rep_", i), StartedAt: c.Now(), SeenAt: c.Now()}))
	}
	n, err := s.RemoveReplicas(t.Context(), c.Now().Add(time.Hour))
	must(t, err)
	if n != store.RemoveBatch {
		t.Errorf("one removal took %d rows", n)
	}
	for i := range replicas {
		must(t, s.PutReplica(t.Context(), store.Replica{ID: fmt.Sprint("rep_", i), StartedAt: c.Now(), SeenAt: c.Now()}))
	}
	c.advance(jobs.DefaultReplicas + time.Second)
	result, err := newHousekeeping(t, jobs.HousekeepingOptions{Store: s, Now: c.Now}).RunOnce(t.Context())
	must(t, err)
	if result.Replicas != replicas {
		t.Errorf("removed %d replicas, want %d", result.Replicas, replicas)
	}
}

// scripted is a store whose removals answer what the test says.
type scripted struct {
	calls  chan time.Time // of PruneChanges
	remove func() (int, error)
}

func (s scripted) PruneChanges(ctx context.Context, before time.Time) (int, error) {
	select {
	case s.calls <- before:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.remove()
}

func (s scripted) RemoveIdempotency(context.Context, time.Time) (int, error) { return 7, nil }
func (s scripted) RemoveQuotas(context.Context, time.Time) (int, error)      { return s.remove() }
func (s scripted) RemoveReplicas(context.Context, time.Time) (int, error)    { return 9, nil }

func TestHousekeepingRunsAtOnceAndThenAtIntervalsUntilItIsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		fails := errors.New("disk full")
		s := scripted{calls: make(chan time.Time), remove: func() (int, error) { return 0, fails }}
		log := &lockedBuffer{}
		h := newHousekeeping(t, jobs.HousekeepingOptions{
			Store: s, Now: time.Now, Interval: time.Minute, Changes: time.Hour, Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		last := began
		for pass := range 3 {
			before := <-s.calls
			now := before.Add(time.Hour)
			if since := now.Sub(last); pass > 0 && (since < 54*time.Second || since > 66*time.Second) || pass == 0 && since != 0 {
				t.Errorf("pass %d after %v, want one at once and then about one a minute", pass, since)
			}
			last = now
		}
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
		if got := strings.Count(log.String(), "disk full"); got < 2 {
			t.Errorf("a failed pass was not logged: %s", log)
		}
	})
}

func TestHousekeepingThatIsToldToEndInTheMiddleOfAPassEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted{calls: make(chan time.Time), remove: func() (int, error) { return 0, nil }}
		log := &lockedBuffer{}
		h := newHousekeeping(t, jobs.HousekeepingOptions{Store: s, Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		synctest.Wait() // nobody takes the call: the pass waits
		stop()
		if err := <-done; err != nil || log.String() != "" {
			t.Errorf("ended with %v, logged %q", err, log)
		}
	})
}

func TestAPassDoesWhatItCan(t *testing.T) {
	fails := errors.New("disk full")
	s := scripted{calls: make(chan time.Time, 1), remove: func() (int, error) { return 0, fails }}
	result, err := newHousekeeping(t, jobs.HousekeepingOptions{Store: s, Now: time.Now}).RunOnce(t.Context())
	if !errors.Is(err, fails) || !strings.Contains(err.Error(), "changes") || !strings.Contains(err.Error(), "quota counters") {
		t.Errorf("got %v", err)
	}
	if result != (jobs.HousekeepingResult{Idempotency: 7, Replicas: 9}) {
		t.Errorf("removed %+v", result)
	}
}

func TestAPassIsBounded(t *testing.T) {
	s := scripted{calls: make(chan time.Time, 1000), remove: func() (int, error) { return store.RemoveBatch, nil }}
	_, err := newHousekeeping(t, jobs.HousekeepingOptions{Store: s, Now: time.Now}).RunOnce(t.Context())
	must(t, err)
	if n := len(s.calls); n != 20 {
		t.Errorf("%d batches in one pass", n)
	}
}

func TestHousekeepingNamesTheOptionThatIsWrong(t *testing.T) {
	counted, _ := failures(t)
	whole := jobs.HousekeepingOptions{Store: scripted{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Failures: counted}
	for name, change := range map[string]func(o *jobs.HousekeepingOptions){
		"Store": func(o *jobs.HousekeepingOptions) { o.Store = nil }, "Now": func(o *jobs.HousekeepingOptions) { o.Now = nil },
		"Failures": func(o *jobs.HousekeepingOptions) { o.Failures = nil },
		"Logger":   func(o *jobs.HousekeepingOptions) { o.Logger = nil }, "Interval": func(o *jobs.HousekeepingOptions) { o.Interval = -1 },
		"Changes": func(o *jobs.HousekeepingOptions) { o.Changes = -1 }, "Idempotency": func(o *jobs.HousekeepingOptions) { o.Idempotency = -1 },
		"Quotas": func(o *jobs.HousekeepingOptions) { o.Quotas = -1 }, "Replicas": func(o *jobs.HousekeepingOptions) { o.Replicas = -1 },
	} {
		o := whole
		change(&o)
		if _, err := jobs.NewHousekeeping(o); err == nil || !strings.Contains(err.Error(), "option "+name+" ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
