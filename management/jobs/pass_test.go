package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/store"
)

func TestAPassRunsAtOnceAndThenAtIntervalsUntilItIsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, counted := failures(t)
		log := &lockedBuffer{}
		runs := make(chan time.Time)
		p := jobs.Pass{Name: "tidy", Every: time.Minute, Do: func(context.Context) ([]slog.Attr, error) {
			runs <- time.Now()
			return []slog.Attr{slog.Int("done", 7)}, errors.New("disk full")
		}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		work := p.Work(slog.New(slog.NewTextHandler(log, nil)), f)
		if counted("tidy") != 0 {
			t.Error("failures before the first run")
		}
		began := time.Now()
		go func() { done <- work(ctx) }()
		last := began
		for n := range 3 {
			now := <-runs
			if since := now.Sub(last); n > 0 && (since < 54*time.Second || since > 66*time.Second) || n == 0 && since != 0 {
				t.Errorf("pass %d after %v, want one at once and then about one a minute", n, since)
			}
			last = now
		}
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
		if strings.Count(log.String(), "disk full") != 3 || counted("tidy") != 3 {
			t.Errorf("%v failures counted, logged %s", counted("tidy"), log)
		}
	})
}

func TestAPassThatIsToldToEndInTheMiddleOfItEndsWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, counted := failures(t)
		log := &lockedBuffer{}
		p := jobs.Pass{Name: "tidy", Every: time.Minute, Do: func(ctx context.Context) ([]slog.Attr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Work(slog.New(slog.NewTextHandler(log, nil)), f)(ctx) }()
		synctest.Wait()
		stop()
		if err := <-done; err != nil || log.String() != "" || counted("tidy") != 0 {
			t.Errorf("ended with %v, logged %q", err, log)
		}
	})
}

// TestThePassesOfTheControlPlaneTidyUp runs each once on a real store.
func TestThePassesOfTheControlPlaneTidyUp(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
	s, service := open(t, c.Now)
	made, err := service.KeyCreate(t.Context(), admin, management.KeyCreate{Name: "orders", ExpiresIn: "1h"})
	must(t, err)
	must(t, s.PutReplica(t.Context(), store.Replica{ID: "rep_1", StartedAt: c.Now(), SeenAt: c.Now()}))
	c.advance(9 * 24 * time.Hour)
	passes := append(jobs.Cleanups(service), jobs.Audit(service, time.Hour))
	did := map[string]bool{}
	for _, p := range passes {
		attrs, err := p.Do(t.Context())
		must(t, err)
		if p.Every <= 0 {
			t.Errorf("%s runs every %v", p.Name, p.Every)
		}
		did[p.Name] = len(attrs) > 0
	}
	for name, want := range map[string]bool{
		"cleanup_expired_keys": true, "cleanup_replicas": true, "cleanup_quotas": false, "cleanup_rotations": false, "audit_checkpoint": true,
	} {
		if did[name] != want {
			t.Errorf("%s did something: %v", name, did[name])
		}
	}
	entries, err := s.AuditEntries(t.Context(), store.DefaultNamespace, 0, 10)
	must(t, err)
	if last := entries[len(entries)-1]; last.Action != "key.expire" || last.KeyID != made.Key.KeyID {
		t.Errorf("last entry %+v", last)
	}
}

// auditing answers as it is told.
type auditing struct {
	signErr error
	told    int
	calls   *int
}

func (a auditing) AuditCheckpointAll(context.Context) (int, error) { return 2, a.signErr }

func (a auditing) AuditAnchorAll(context.Context) (int, error) {
	*a.calls++
	return a.told, nil
}

func TestAnchorsAreToldAlsoWhenAChainCouldNotBeSigned(t *testing.T) {
	broken, calls := errors.New("chain is broken"), 0
	attrs, err := jobs.Audit(auditing{signErr: broken, told: 3, calls: &calls}, time.Minute).Do(t.Context())
	if !errors.Is(err, broken) || calls != 1 || len(attrs) != 2 {
		t.Errorf("got %v, %d calls, %v", err, calls, attrs)
	}
}
