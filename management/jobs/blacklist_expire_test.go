package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/store"
)

// watched runs the real handlers on the real queue and tells of each run of
// the kind.
func watched(t *testing.T, s *store.Store, service *management.Service, kind string) <-chan error {
	t.Helper()
	runs := make(chan error, 100)
	handlers := jobs.Handlers(service, s)
	inner := handlers[kind]
	handlers[kind] = func(ctx context.Context, args json.RawMessage) error {
		err := inner(ctx, args)
		runs <- err
		return err
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.RunJobs(ctx, handlers) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
	return runs
}

func TestTheQueueRemovesARuleAtItsEndAndNotBefore(t *testing.T) {
	// The queue's clock is an hour ahead, so the job comes before the rule has
	// ended, as with two machines.
	behind := &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
	ahead := func() time.Time { return behind.Now().Add(time.Hour) }
	s, service := openBetween(t, ahead, behind.Now)
	added, err := service.BlacklistAdd(t.Context(), admin, management.BlacklistAdd{Network: "192.0.2.1", Reason: "r", For: "1m"})
	must(t, err)
	runs := watched(t, s, service, jobs.KindBlacklistExpire)

	must(t, <-runs)
	_, err = service.BlacklistRead(t.Context(), admin, added.Rule.ID)
	must(t, err) // too early: it stands

	behind.advance(time.Minute)
	for err == nil {
		must(t, <-runs) // its job comes again
		_, err = service.BlacklistRead(t.Context(), admin, added.Rule.ID)
	}
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	entries, err := s.AuditEntries(t.Context(), "", 0, 10)
	must(t, err)
	if len(entries) != 2 || entries[1].Action != "blacklist.expire" || entries[1].Actor != "job:blacklist_expire" {
		t.Errorf("audit entries %+v", entries)
	}
}

// service answers as it is told.
type service struct {
	again time.Time
	err   error
}

func (s service) BlacklistExpire(context.Context, string) (time.Time, error) { return s.again, s.err }

func (s service) KeyRotationClose(context.Context, string) (time.Time, error) { return s.again, s.err }

func (s service) ReportMake(context.Context, string) (time.Time, error) { return s.again, s.err }

func (s service) OutsideTend(context.Context, store.System, string) (time.Time, error) {
	return s.again, s.err
}

// queue keeps what it is given.
type queue struct {
	jobs []store.Job
	err  error
}

func (q *queue) Reschedule(_ context.Context, j store.Job) error {
	q.jobs = append(q.jobs, j)
	return q.err
}

func TestARuleThatIsGoneEndsItsJob(t *testing.T) {
	s, useCases := open(t, time.Now)
	handler := jobs.Handlers(useCases, s)[jobs.KindBlacklistExpire]
	for range 2 {
		must(t, handler(t.Context(), json.RawMessage(`{"id": "blk_none"}`)))
	}
	q := &queue{}
	must(t, jobs.Handlers(service{}, q)[jobs.KindBlacklistExpire](t.Context(), json.RawMessage(`{"id": "blk_1"}`)))
	if len(q.jobs) != 0 {
		t.Errorf("came again: %v", q.jobs)
	}
}

func TestAJobThatComesTooEarlyComesAgain(t *testing.T) {
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	q := &queue{}
	must(t, jobs.Handlers(service{again: at}, q)[jobs.KindBlacklistExpire](t.Context(), json.RawMessage(`{"id":"blk_1"}`)))
	if len(q.jobs) != 1 || q.jobs[0].Kind != jobs.KindBlacklistExpire || !q.jobs[0].RunAt.Equal(at) || string(q.jobs[0].Args) != `{"id":"blk_1"}` {
		t.Errorf("got %+v", q.jobs)
	}
}

func TestAJobThatFailedIsTriedAgain(t *testing.T) {
	errStore, errQueue := errors.New("store"), errors.New("queue")
	for title, c := range map[string]struct {
		rules service
		queue *queue
		args  string
		want  error
	}{
		"use-case":     {service{err: errStore}, &queue{}, `{"id":"blk_1"}`, errStore},
		"queue":        {service{again: time.Unix(1, 0)}, &queue{err: errQueue}, `{"id":"blk_1"}`, errQueue},
		"no arguments": {service{}, &queue{}, `{}`, nil},
		"no JSON":      {service{}, &queue{}, `{`, nil},
	} {
		t.Run(title, func(t *testing.T) {
			err := jobs.Handlers(c.rules, c.queue)[jobs.KindBlacklistExpire](t.Context(), json.RawMessage(c.args))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
