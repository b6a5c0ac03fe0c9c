package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"credence/management/jobs"
	"credence/store"
)

// registrar keeps leases in memory, by the clock of the bubble, as the
// contract says. It stands in for a database in tests of time and faults.
type registrar struct {
	mu      sync.Mutex
	holder  string
	expires time.Time
	fault   func(holder string) (delay time.Duration, err error)
}

func (r *registrar) TryLease(ctx context.Context, _, holder string, ttl time.Duration) (bool, error) {
	r.mu.Lock()
	fault := r.fault
	r.mu.Unlock()
	if fault != nil {
		delay, err := fault(holder)
		if !sleep(ctx, delay) {
			return false, ctx.Err()
		}
		if err != nil {
			return false, err
		}
	}
	r.mu.Lock()
	held := r.holder == holder || r.holder == "" || !time.Now().Before(r.expires)
	if held {
		r.holder, r.expires = holder, time.Now().Add(ttl)
	}
	r.mu.Unlock()
	if fault != nil { // the answer takes its time too
		if delay, _ := fault(holder); !sleep(ctx, delay) {
			return false, ctx.Err()
		}
	}
	return held, nil
}

func (r *registrar) ReleaseLease(_ context.Context, _, holder string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder == holder {
		r.holder = ""
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// shift is work that notes who does it, and that never two do it at once.
type shift struct {
	t      *testing.T
	mu     sync.Mutex
	at     string
	starts int
}

// work takes slow to end after it was told to.
func (s *shift) work(who string, slow time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		s.mu.Lock()
		if s.at != "" {
			s.t.Errorf("%s works although %s still does", who, s.at)
		}
		s.at = who
		s.starts++
		s.mu.Unlock()
		<-ctx.Done()
		<-time.After(slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.at = ""
		return nil
	}
}

func (s *shift) begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

func (s *shift) who() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func newLeader(t *testing.T, leases interface {
	TryLease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error)
	ReleaseLease(ctx context.Context, name, holder string) error
}, holder string,
) *jobs.Leader {
	t.Helper()
	l, err := jobs.NewLeader(jobs.LeaderOptions{Leases: leases, Name: "jobs", Holder: holder, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	return l
}

// run starts a leader and answers what ends it.
func run(t *testing.T, l *jobs.Leader, work ...func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, work...) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestOneOfSeveralLeadsAndAnotherFollowsWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &registrar{}, &shift{t: t}
		stops, leaders := map[string]func(){}, map[string]*jobs.Leader{}
		for _, who := range []string{"a", "b", "c"} {
			leaders[who] = newLeader(t, r, who)
			stops[who] = run(t, leaders[who], s.work(who, 0))
		}
		for range 3 {
			<-time.After(time.Minute)
			synctest.Wait()
			first := s.who()
			if first == "" {
				t.Fatal("nobody leads")
			}
			for who, l := range leaders {
				if l.Leading() != (who == first) {
					t.Errorf("%s says that it leads: %t; %s works", who, l.Leading(), first)
				}
			}
			<-time.After(time.Hour)
			synctest.Wait()
			if s.who() != first {
				t.Errorf("%s leads after an hour, %s did", s.who(), first)
			}
			stops[first]()
			delete(leaders, first)
			<-time.After(17 * time.Second) // Renew, and a tenth
			synctest.Wait()
			if len(leaders) > 0 && s.who() == "" {
				t.Error("nobody followed at once")
			}
		}
	})
}

func TestALeaderThatCannotRenewEndsItsWorkBeforeAnotherBegins(t *testing.T) {
	for name, fault := range map[string]func(holder string) (time.Duration, error){
		"fails": func(holder string) (time.Duration, error) {
			if holder == "a" {
				return 0, store.ErrUnavailable
			}
			return 0, nil
		},
		"hangs": func(holder string) (time.Duration, error) {
			if holder == "a" {
				return time.Hour, nil
			}
			return 0, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := &registrar{}, &shift{t: t}
				// It takes long to end, but not longer than is allowed.
				defer run(t, newLeader(t, r, "a"), s.work("a", 24*time.Second))()
				synctest.Wait()
				defer run(t, newLeader(t, r, "b"), s.work("b", 0))()
				<-time.After(10 * time.Minute)
				synctest.Wait()
				if s.who() != "a" || s.begun() != 1 {
					t.Fatalf("%q leads after %d starts", s.who(), s.begun())
				}
				r.mu.Lock()
				r.fault = fault
				r.mu.Unlock()
				<-time.After(2 * time.Minute)
				synctest.Wait()
				if s.who() != "b" {
					t.Errorf("%q leads, want b", s.who())
				}
			})
		})
	}
}

func TestALeaderWhoseLeaseAnotherHasEndsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &registrar{}, &shift{t: t}
		l := newLeader(t, r, "a")
		defer run(t, l, s.work("a", 0))()
		synctest.Wait()
		r.mu.Lock()
		r.holder, r.expires = "somebody", time.Now().Add(5*time.Minute)
		r.mu.Unlock()
		<-time.After(17 * time.Second)
		synctest.Wait()
		if s.who() != "" || l.Leading() {
			t.Error("it works on without the lease")
		}
		<-time.After(6 * time.Minute)
		synctest.Wait()
		if s.who() != "a" || s.begun() != 2 {
			t.Errorf("%q leads after %d starts, want it to lead again when it can", s.who(), s.begun())
		}
	})
}

// Whatever the store does, in calls that are slow on both ways, lost or
// refused: never two at once, and always somebody again.
func TestNeverTwoLeadAtOnce(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				random := rand.New(rand.NewPCG(seed, 0))
				r, s := &registrar{}, &shift{t: t}
				r.fault = func(string) (time.Duration, error) {
					mu.Lock()
					defer mu.Unlock()
					switch random.IntN(3) {
					case 0:
						return time.Duration(random.Int64N(int64(20 * time.Second))), nil
					case 1:
						return 0, store.ErrUnavailable
					default:
						return 0, nil
					}
				}
				for _, who := range []string{"a", "b", "c", "d"} {
					defer run(t, newLeader(t, r, who), s.work(who, 20*time.Second))()
				}
				<-time.After(2 * time.Hour)
				if s.begun() < 5 {
					t.Errorf("%d starts in two hours: the test shows nothing", s.begun())
				}
			})
		})
	}
}

func TestWorkThatFailsEndsTheRunAndGivesTheLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registrar{}
		broken := errors.New("broken")
		ended := make(chan struct{})
		err := newLeader(t, r, "a").Run(t.Context(),
			func(context.Context) error { return broken },
			func(ctx context.Context) error {
				<-ctx.Done()
				close(ended)
				return ctx.Err()
			})
		<-ended
		if !errors.Is(err, broken) || r.holder != "" {
			t.Errorf("error %v, lease of %q", err, r.holder)
		}
	})
}

func TestLeadershipIsKeptInTheDatabase(t *testing.T) {
	s, _ := open(t, time.Now)
	l := func(holder string) *jobs.Leader {
		l, err := jobs.NewLeader(jobs.LeaderOptions{
			Leases: s, Name: "jobs", Holder: holder, Logger: slog.New(slog.DiscardHandler), Renew: time.Millisecond,
		})
		must(t, err)
		return l
	}
	working := make(chan string)
	work := func(who string) func(context.Context) error {
		return func(ctx context.Context) error {
			working <- who
			<-ctx.Done()
			return nil
		}
	}
	stopA := run(t, l("a"), work("a"))
	if who := <-working; who != "a" {
		t.Fatal(who)
	}
	stopB := run(t, l("b"), work("b"))
	defer stopB()
	if held, err := s.TryLease(t.Context(), "jobs", "c", time.Second); err != nil || held {
		t.Fatalf("held %t, error %v", held, err)
	}
	stopA()
	if who := <-working; who != "b" {
		t.Error(who)
	}
}

func TestALeaderNamesTheOptionThatIsWrong(t *testing.T) {
	whole := jobs.LeaderOptions{Leases: &registrar{}, Name: "jobs", Holder: "a", Logger: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(o *jobs.LeaderOptions){
		"Leases": func(o *jobs.LeaderOptions) { o.Leases = nil }, "Name": func(o *jobs.LeaderOptions) { o.Name = "" },
		"Holder": func(o *jobs.LeaderOptions) { o.Holder = "" }, "Logger": func(o *jobs.LeaderOptions) { o.Logger = nil },
		"Term": func(o *jobs.LeaderOptions) { o.Term = 10 * time.Second },
	} {
		o := whole
		change(&o)
		if _, err := jobs.NewLeader(o); err == nil || !strings.Contains(err.Error(), "option "+name+" ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
