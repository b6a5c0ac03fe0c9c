package fleet_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/fleet"
	"credence/store"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// registry is rows in memory, by the clock of the bubble. It stands in for a
// database in tests of time and faults only.
type registry struct {
	mu   sync.Mutex
	rows map[string]store.Replica
	err  error
}

func (r *registry) Replicas(_ context.Context, since time.Time) ([]store.Replica, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []store.Replica
	for _, row := range r.rows {
		if row.SeenAt.After(since) {
			found = append(found, row)
		}
	}
	return found, r.err
}

func (r *registry) set(change func(r *registry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rows == nil {
		r.rows = map[string]store.Replica{}
	}
	change(r)
}

// report has a replica report every 5 seconds, by a clock that is off by skew,
// until the answer is called.
func (r *registry) report(t *testing.T, id string, skew time.Duration) (crash func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var reporting sync.WaitGroup
	put := func() {
		r.set(func(r *registry) {
			if r.err == nil {
				r.rows[id] = store.Replica{ID: id, SeenAt: time.Now().Add(skew)}
			}
		})
	}
	put()
	reporting.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Second):
				put()
			}
		}
	})
	return func() {
		cancel()
		reporting.Wait()
	}
}

// shares is a Sharer that keeps what it was told.
type shares struct {
	mu   sync.Mutex
	told [][2]int
}

func (s *shares) SetShare(rank, replicas int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, [2]int{rank, replicas})
}

func (s *shares) now() [2]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) == 0 {
		return [2]int{-1, 0}
	}
	return s.told[len(s.told)-1]
}

// watch loads and runs a watcher.
func watch(t *testing.T, r *registry, id string) (s *shares, stop func()) {
	t.Helper()
	s = &shares{}
	w, err := fleet.New(fleet.Options{
		Registry: r, ID: id, Sharers: []fleet.Sharer{s}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func pass(d time.Duration) { <-time.After(d) }

// look is the longest time between two looks.
const look = 2200 * time.Millisecond

func expect(t *testing.T, s *shares, rank, replicas int, when string) {
	t.Helper()
	synctest.Wait()
	if s.now() != [2]int{rank, replicas} {
		t.Errorf("%s: rank and number are %v, want [%d %d]", when, s.now(), rank, replicas)
	}
}

func TestReplicasKnowEachOtherOneLookAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		defer r.report(t, "rep_b", 0)()
		b, stopB := watch(t, r, "rep_b")
		defer stopB()
		expect(t, b, 0, 1, "alone")
		defer r.report(t, "rep_a", 0)()
		a, stopA := watch(t, r, "rep_a")
		defer stopA()
		expect(t, a, 0, 2, "the one that started, at once")
		pass(look)
		expect(t, b, 1, 2, "the one that ran, a look later")
		pass(time.Hour)
		expect(t, b, 1, 2, "later")
		if len(b.told) != 2 || len(a.told) != 1 {
			t.Errorf("told %v and %v, want only changes", a.told, b.told)
		}
	})
}

func TestWhoSignsOffIsOutAtOnceAndWhoCrashesAfterThreeReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		crash := r.report(t, "rep_a", 0)
		leave := r.report(t, "rep_b", 0)
		defer r.report(t, "rep_c", 0)()
		s, stop := watch(t, r, "rep_c")
		defer stop()
		expect(t, s, 2, 3, "at the start")
		leave()
		r.set(func(r *registry) {
			row := r.rows["rep_b"]
			row.LeftAt = time.Now()
			r.rows["rep_b"] = row
		})
		pass(look)
		expect(t, s, 1, 2, "after one signed off")
		crash()
		pass(10 * time.Second)
		expect(t, s, 1, 2, "soon after one crashed")
		pass(5*time.Second + 2*look)
		expect(t, s, 0, 1, "after its reports did not come")
	})
}

func TestClocksThatAreApartMakeNoDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		crashSlow := r.report(t, "rep_a", -store.MaxClockSkew)
		crashFast := r.report(t, "rep_b", store.MaxClockSkew)
		s, stop := watch(t, r, "rep_c")
		defer stop()
		pass(time.Minute)
		expect(t, s, 2, 3, "with a slow and a fast clock")
		crashSlow()
		crashFast()
		pass(15*time.Second + 2*look)
		expect(t, s, 0, 1, "after both crashed")
	})
}

func TestTheNumberStaysWhileTheStoreIsAwayAndWhenItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		defer r.report(t, "rep_a", 0)()
		s, stop := watch(t, r, "rep_b")
		defer stop()
		r.set(func(r *registry) { r.err = store.ErrUnavailable })
		pass(time.Hour)
		expect(t, s, 1, 2, "without the store")
		r.set(func(r *registry) { r.err = nil })
		pass(time.Minute)
		expect(t, s, 1, 2, "with the store again")
		if len(s.told) != 1 {
			t.Errorf("told %v, want nothing new", s.told)
		}
	})
}

func TestWithoutAFirstLookNothingIsLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &registry{err: store.ErrUnavailable}, &shares{}
		w, err := fleet.New(fleet.Options{Registry: r, ID: "rep_a", Sharers: []fleet.Sharer{s}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Load(t.Context()); err == nil || w.Live() != 0 {
			t.Errorf("loaded without a look: %v, %d live", err, w.Live())
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		pass(time.Minute)
		cancel()
		if err := <-done; err != nil || len(s.told) != 0 {
			t.Errorf("error %v, told %v", err, s.told)
		}
	})
}

func TestRanksAreThoseOfTheRowsInTheDatabase(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	now := time.Now()
	for _, id := range []string{"rep_3", "rep_1", "rep_2"} {
		if err := db.PutReplica(t.Context(), store.Replica{ID: id, StartedAt: now, SeenAt: now, Ceiling: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	var got [][2]int
	for _, id := range []string{"rep_1", "rep_2", "rep_3"} {
		s := &shares{}
		w, err := fleet.New(fleet.Options{Registry: db, ID: id, Sharers: []fleet.Sharer{s}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.Live() != 3 {
			t.Errorf("%s sees %d live", id, w.Live())
		}
		got = append(got, s.now())
	}
	if !slices.Equal(got, [][2]int{{0, 3}, {1, 3}, {2, 3}}) {
		t.Errorf("ranks %v", got)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	whole := fleet.Options{Registry: &registry{}, ID: "rep_1", Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	for name, spoil := range map[string]func(*fleet.Options){
		"Registry": func(o *fleet.Options) { o.Registry = nil }, "ID": func(o *fleet.Options) { o.ID = "" },
		"Now": func(o *fleet.Options) { o.Now = nil }, "Logger": func(o *fleet.Options) { o.Logger = nil },
		"Every": func(o *fleet.Options) { o.Every = time.Minute }, "Timeout": func(o *fleet.Options) { o.Timeout = -1 },
	} {
		o := whole
		spoil(&o)
		if _, err := fleet.New(o); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
}
