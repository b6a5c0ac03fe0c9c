package jobs_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/store"
)

func TestTheQueueClosesARotationAtItsEndAndNotBefore(t *testing.T) {
	// As with blacklist rules: the queue's clock is an hour ahead.
	behind := &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
	ahead := func() time.Time { return behind.Now().Add(time.Hour) }
	s, service := openBetween(t, ahead, behind.Now)
	made, err := service.KeyCreate(t.Context(), admin, management.KeyCreate{Name: "orders"})
	must(t, err)
	_, err = service.KeyRotate(t.Context(), admin, management.KeyRotate{KeyID: made.Key.KeyID, Grace: "1m"})
	must(t, err)
	runs := watched(t, s, service, jobs.KindRotationClose)

	must(t, <-runs)
	k, err := service.KeyRead(t.Context(), admin, made.Key.KeyID)
	must(t, err)
	if k.Status != store.StatusActive {
		t.Fatalf("closed before its end: %s", k.Status)
	}
	behind.advance(time.Minute)
	for k.Status == store.StatusActive {
		must(t, <-runs) // its job comes again
		k, err = service.KeyRead(t.Context(), admin, made.Key.KeyID)
		must(t, err)
	}
	if k.Status != store.StatusRevoked {
		t.Errorf("status is %s", k.Status)
	}
}

func TestAJobThatClosesRotationsIsTriedAgainUntilItIsDone(t *testing.T) {
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errStore := errors.New("store")
	const args = `{"key_id":"key_1"}`
	run := func(of service, q *queue, args string) error {
		return jobs.Handlers(of, q)[jobs.KindRotationClose](t.Context(), json.RawMessage(args))
	}
	q := &queue{}
	must(t, run(service{}, q, args))
	if len(q.jobs) != 0 {
		t.Errorf("came again: %v", q.jobs)
	}
	must(t, run(service{again: at}, q, args))
	if len(q.jobs) != 1 || q.jobs[0].Kind != jobs.KindRotationClose || !q.jobs[0].RunAt.Equal(at) || string(q.jobs[0].Args) != args {
		t.Errorf("got %+v", q.jobs)
	}
	for title, err := range map[string]error{
		"use-case": run(service{err: errStore}, q, args), "queue": run(service{again: at}, &queue{err: errStore}, args),
		"no key": run(service{}, q, `{}`), "no JSON": run(service{}, q, `{`),
	} {
		if err == nil {
			t.Errorf("%s: no error", title)
		}
	}
}
