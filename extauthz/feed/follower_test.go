package feed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/feed"
	"credence/store"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is a subscriber that writes down what the follower tells it.
type log struct {
	mu       sync.Mutex
	events   []string
	applied  []store.Revision
	caughtUp time.Time
	failing  error
	told     chan struct{} // gets a value after each Apply
}

func newLog() *log { return &log{told: make(chan struct{}, 1000)} }

func (l *log) note(event string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
	return l.failing
}

func (l *log) Load(context.Context) error { return l.note("load") }
func (l *log) Restart()                   { _ = l.note("restart") }

func (l *log) Apply(_ context.Context, changes []store.Change) error {
	err := l.note(fmt.Sprintf("apply %d-%d", changes[0].Revision, changes[len(changes)-1].Revision))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		for i := range changes {
			l.applied = append(l.applied, changes[i].Revision)
		}
	}
	l.told <- struct{}{}
	return err
}

func (l *log) CaughtUp(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.caughtUp = at
}

func (l *log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
}

func (l *log) read() (events []string, applied []store.Revision, caughtUp time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events), slices.Clone(l.applied), l.caughtUp
}

// scripted is a feed in memory that can fail, hang and have gaps. It stands in
// for a database in tests of time and faults only.
type scripted struct {
	mu      sync.Mutex
	changes []store.Change
	err     error // of every call
	hang    bool  // every call waits for its deadline
	wake    chan struct{}
	reads   int
	puts    []store.Replica
	putErr  error // of PutReplica
}

func newScripted(n int) *scripted {
	s := &scripted{wake: make(chan struct{}, 1)}
	s.commit(n)
	return s
}

func (s *scripted) commit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		r := store.Revision(len(s.changes) + 1)
		s.changes = append(s.changes, store.Change{Revision: r, ID: fmt.Sprintf("chg_%d", r), Kind: store.ChangeKey})
	}
}

func (s *scripted) set(change func(*scripted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *scripted) call(ctx context.Context) error {
	s.mu.Lock()
	hang, err := s.hang, s.err
	s.reads++
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *scripted) Head(ctx context.Context) (store.Position, error) {
	if err := s.call(ctx); err != nil {
		return store.Position{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changes) == 0 {
		return store.Position{}, nil
	}
	last := s.changes[len(s.changes)-1]
	return store.Position{Revision: last.Revision, ID: last.ID}, nil
}

func (s *scripted) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := int(after.Revision); r > 0 && (r > len(s.changes) || s.changes[r-1].ID != after.ID) {
		return nil, store.ErrFeedGap
	}
	rest := s.changes[after.Revision:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (s *scripted) Wake(context.Context) <-chan struct{} { return s.wake }

func (s *scripted) PutReplica(_ context.Context, r store.Replica) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.putErr == nil {
		s.puts = append(s.puts, r)
	}
	return s.putErr
}

// calls answers how often the feed was read.
func (s *scripted) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// stored answers the rows that were stored.
func (s *scripted) stored() []store.Replica {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.puts)
}

func (s *scripted) Replicas(context.Context, time.Time) ([]store.Replica, error) { return nil, nil }
func (s *scripted) RemoveReplicas(context.Context, time.Time) (int, error)       { return 0, nil }

// follow starts a follower and answers it with what ends it.
func follow(tb testing.TB, o feed.Options) (f *feed.Follower, stop func()) {
	tb.Helper()
	o.Now = time.Now
	o.Logger = slog.New(slog.DiscardHandler)
	f, err := feed.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return f, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
}

func TestChangesAreAppliedOnceInOrderAndBeforeTheyCountAsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(3), newLog()
		f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{l}})
		defer stop()
		<-f.Ready()
		if f.Applied().Revision != 3 {
			t.Errorf("applied %+v after the load, want the head", f.Applied())
		}
		s.commit(1200)
		pass(1100 * time.Millisecond) // in the bubble: one poll
		synctest.Wait()
		events, applied, _ := l.read()
		if want := []string{"load", "apply 4-503", "apply 504-1003", "apply 1004-1203"}; !slices.Equal(events, want) {
			t.Errorf("events %v, want %v", events, want)
		}
		if !slices.IsSorted(applied) || len(applied) != 1200 {
			t.Errorf("%d changes applied", len(applied))
		}
		if f.Applied() != (store.Position{Revision: 1203, ID: "chg_1203"}) {
			t.Errorf("applied %+v", f.Applied())
		}
	})
}

func TestAPushIsFollowedAtOnceAndNoneIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(0), newLog()
		f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{l}, Poll: time.Hour})
		defer stop()
		<-f.Ready()
		begin := time.Now()
		for n := range 50 {
			s.commit(1)
			select {
			case s.wake <- struct{}{}:
			default: // one is waiting already
			}
			if n%3 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if f.Applied().Revision != 50 || time.Since(begin) != 0 {
			t.Errorf("applied revision %d after %s, want 50 at once", f.Applied().Revision, time.Since(begin))
		}
	})
}

func TestLastReadStaysWhileTheStoreFailsAndReadsAreBounded(t *testing.T) {
	for name, fault := range map[string]func(*scripted){
		"fails": func(s *scripted) { s.err = store.ErrUnavailable },
		"hangs": func(s *scripted) { s.hang = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l := newScripted(1), newLog()
				f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{l}})
				defer stop()
				<-f.Ready()
				pass(10 * time.Second)
				synctest.Wait()
				s.set(fault)
				last, reads := f.LastRead(), s.calls()
				pass(time.Minute)
				synctest.Wait()
				if !f.LastRead().Equal(last) {
					t.Errorf("last read moved to %s without a read", f.LastRead())
				}
				if _, _, caughtUp := l.read(); !caughtUp.Equal(last) {
					t.Errorf("subscribers were told %s, want %s", caughtUp, last)
				}
				if more := s.calls() - reads; more > 40 {
					t.Errorf("%d tries in a minute", more)
				}
				s.set(func(s *scripted) { s.err, s.hang = nil, false })
				s.commit(1)
				pass(8 * time.Second) // a hanging call ends, then MaxBackoff
				if f.Applied().Revision != 2 || !f.LastRead().After(last) {
					t.Errorf("applied %d, last read %s: not followed again", f.Applied().Revision, f.LastRead())
				}
			})
		})
	}
}

func TestLastReadIsBeforeTheReadBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(1)
		slow := &slowFeed{scripted: s, takes: 3 * time.Second}
		f, stop := follow(t, feed.Options{Feed: slow})
		defer stop()
		begin := time.Now()
		<-f.Ready()
		if !f.LastRead().Equal(begin) {
			t.Errorf("last read %s, want the instant before the read, %s", f.LastRead(), begin)
		}
	})
}

type slowFeed struct {
	*scripted
	takes time.Duration
}

func (s *slowFeed) Head(ctx context.Context) (store.Position, error) {
	p, err := s.scripted.Head(ctx)
	pass(s.takes)
	return p, err
}

func TestOneSubscribersErrorKeepsNoChangeFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, broken, well := newScripted(0), newLog(), newLog()
		f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{broken, well}})
		defer stop()
		<-f.Ready()
		broken.fail(errors.New("cannot"))
		last := f.LastRead()
		s.commit(1)
		pass(10 * time.Second)
		if _, applied, _ := well.read(); len(applied) == 0 {
			t.Error("the change did not reach the other subscriber")
		}
		if f.Applied().Revision != 0 || !f.LastRead().Equal(last) {
			t.Errorf("applied %d, last read moved by %s, although one could not apply",
				f.Applied().Revision, f.LastRead().Sub(last))
		}
		broken.fail(nil)
		pass(3 * time.Second)
		if f.Applied().Revision != 1 {
			t.Errorf("applied %d, want 1 after the subscriber recovered", f.Applied().Revision)
		}
	})
}

func TestAGapRestartsAndLoadsEverybody(t *testing.T) {
	for name, gap := range map[string]func(*scripted){
		"restored backup": func(s *scripted) { s.changes = s.changes[:2] },
		"other history": func(s *scripted) {
			for i := range s.changes {
				s.changes[i].ID = "chg_other"
			}
		},
		"missing revision": func(s *scripted) {
			s.changes = append(s.changes, store.Change{Revision: 7, ID: "chg_7"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, first, second := newScripted(5), newLog(), newLog()
				f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{first, second}})
				defer stop()
				<-f.Ready()
				s.set(gap)
				pass(1100 * time.Millisecond)
				synctest.Wait()
				for _, l := range []*log{first, second} {
					if events, _, _ := l.read(); !slices.Equal(events, []string{"load", "restart", "load"}) {
						t.Errorf("events %v", events)
					}
				}
				if head, _ := s.Head(t.Context()); f.Applied() != head {
					t.Errorf("applied %+v, want the new head %+v", f.Applied(), head)
				}
			})
		})
	}
}

func TestNothingCountsAsAppliedBetweenAGapAndItsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(5), newLog()
		f, stop := follow(t, feed.Options{Feed: s, Subscribers: []feed.Subscriber{l}})
		defer stop()
		<-f.Ready()
		s.set(func(s *scripted) { s.changes = s.changes[:2] })
		l.fail(errors.New("cannot load"))
		pass(10 * time.Second)
		if f.Applied() != (store.Position{}) {
			t.Errorf("applied %+v", f.Applied())
		}
		if s := f.Stats(); s.Restarts != 1 || s.Failures == 0 {
			t.Errorf("stats %+v, want one restart and failed loads", s)
		}
	})
}

func TestReadyWaitsForEverySubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(1), newLog()
		l.fail(errors.New("cannot"))
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Subscribers: []feed.Subscriber{l}})
		defer stop()
		pass(time.Minute)
		select {
		case <-f.Ready():
			t.Fatal("ready although nothing was loaded")
		default:
		}
		for _, r := range s.stored() {
			if r.Applied != (store.Position{}) || !r.LastRead.IsZero() || !r.LeftAt.IsZero() {
				t.Fatalf("it reports %+v before it is ready", r)
			}
		}
		if !f.LastRead().IsZero() || f.Applied() != (store.Position{}) {
			t.Error("something counts as read before it is ready")
		}
		l.fail(nil)
		<-f.Ready()
	})
}

func TestTheReplicaReportsWhatItHasAppliedAndSignsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(1)
		f, stop := follow(t, feed.Options{
			Feed: s, Registry: s, Replica: store.Replica{
				ID: "rep_1", Name: "here", Address: "127.0.0.1:9001", Version: "v1", Ceiling: time.Hour,
			},
		})
		<-f.Ready()
		pass(21 * time.Second)
		synctest.Wait()
		if n := len(s.stored()); n < 5 || n > 7 {
			t.Errorf("%d reports in 21 seconds", n)
		}
		if born := s.puts[0]; born.ID != "rep_1" || born.Applied != (store.Position{}) || !born.LastRead.IsZero() {
			t.Errorf("registered as %+v, want nothing applied", born)
		}
		first := s.puts[1]
		if first.LastRead.IsZero() || first.Ceiling != time.Hour || first.ID != "rep_1" || first.Name != "here" || first.Applied.Revision != 1 || first.SeenAt.IsZero() ||
			first.StartedAt.IsZero() || !first.LeftAt.IsZero() {
			t.Errorf("first report %+v", first)
		}
		s.commit(1)
		s.wake <- struct{}{}
		pass(time.Second) // less than Report: news does not wait
		synctest.Wait()
		if last := s.puts[len(s.puts)-1]; last.Applied.Revision != 2 {
			t.Errorf("last report %+v, want revision 2", last)
		}
		stop()
		if last := s.puts[len(s.puts)-1]; last.LeftAt.IsZero() {
			t.Errorf("last report %+v, want that it signs off", last)
		}
	})
}

func TestABusyFeedIsNotReportedChangeByChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(0)
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1")})
		defer stop()
		<-f.Ready()
		for range 1000 { // one change each millisecond
			s.commit(1)
			s.wake <- struct{}{}
			pass(time.Millisecond)
		}
		if n := len(s.stored()); n > 12 {
			t.Errorf("%d reports in a second", n)
		}
	})
}

// With a real database: a change is applied because of the push alone.
func TestAChangeInThisProcessIsAppliedWithoutAPoll(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	l := newLog()
	f, stop := follow(t, feed.Options{
		Feed: db, Registry: db, Replica: replica("rep_1"), Subscribers: []feed.Subscriber{l}, Poll: time.Hour,
	})
	<-f.Ready()
	st := store.New(db, keyset, time.Now)
	for range 20 {
		position, err := st.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.Namespace(ctx, store.DefaultNamespace)
			if err != nil {
				return err
			}
			tx.Audit(store.AuditRecord{Namespace: n.Name, Actor: "test", Action: "namespace.update", Object: "namespace:default"})
			return tx.UpdateNamespace(ctx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
		<-l.told
		if _, applied, _ := l.read(); applied[len(applied)-1] != position.Revision {
			t.Errorf("applied %v, want revision %d", applied, position.Revision)
		}
	}
	stop()
	rows, err := db.Replicas(t.Context(), time.Time{})
	if err != nil || len(rows) != 1 || rows[0].LeftAt.IsZero() {
		t.Errorf("replicas %+v, error %v: want one that signed off", rows, err)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	s := newScripted(0)
	good := feed.Options{Feed: s, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*feed.Options){
		"Feed":        func(o *feed.Options) { o.Feed = nil },
		"Now":         func(o *feed.Options) { o.Now = nil },
		"Logger":      func(o *feed.Options) { o.Logger = nil },
		"Replica":     func(o *feed.Options) { o.Registry, o.Replica.Ceiling = s, time.Hour },
		"Subscribers": func(o *feed.Options) { o.Subscribers = []feed.Subscriber{nil} },
		"Poll":        func(o *feed.Options) { o.Poll = -1 },
		"MaxBackoff":  func(o *feed.Options) { o.MaxBackoff = -1 },
		"Timeout":     func(o *feed.Options) { o.Timeout = -1 },
		"LoadTimeout": func(o *feed.Options) { o.LoadTimeout = -1 },
		"Report":      func(o *feed.Options) { o.Report = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := feed.New(o); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
	o := good
	o.Registry, o.Replica.ID = s, "rep_1"
	if _, err := feed.New(o); err == nil || !strings.Contains(err.Error(), "Ceiling") {
		t.Errorf("without a ceiling: error %v does not name it", err)
	}
}

func replica(id string) store.Replica { return store.Replica{ID: id, Ceiling: time.Hour} }

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }
