package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/link"
	"credence/test/pgserver"
	"credence/test/redisserver"
	"credence/test/stage"
)

const (
	replicas = 3
	ceiling  = 10 * time.Second // the shortest there is
)

// world is a deployment and all who use or trouble it.
type world struct {
	*testing.T
	*stage.Stage

	server *pgserver.Server
	redis  *redisserver.Server // nil without
	api    *client.Client
	flags  []string // of a replica
	seats  []*seat
	keys   ring

	ctx    context.Context //nolint:containedctx // the lifetime of load and troubles, not of a call
	end    context.CancelFunc
	calm   context.Context //nolint:containedctx // ends when the troubles are to end
	still  context.CancelFunc
	users  sync.WaitGroup // load and administrators
	unrest sync.WaitGroup // troubles

	counts counts
}

// counts tell what a run has met.
type counts struct {
	allowed, refused, limited, unavailable, unanswered atomic.Int64
	made, complete, partial, failed, troubles          atomic.Int64
	sealed, atCeiling                                  atomic.Int64 // Checks that a promise was about
}

// seat is the place of a replica; the process in it changes.
type seat struct {
	line *link.Line // to the database

	mu     sync.Mutex
	tenant *tenant   // nil while there is none
	cutAt  time.Time // since when nothing can be read of the database; zero when it may be
}

// tenant is one process and a connection to it.
type tenant struct {
	process *harness.Credence
	prober  *stage.Prober
	ending  atomic.Bool // by the test
}

func (s *seat) now() (*tenant, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant, s.cutAt
}

func (s *seat) setTenant(t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenant = t
}

func (s *seat) setCut(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutAt = at
}

// newWorld starts a deployment, each replica on a line of its own.
func newWorld(t *testing.T, redis bool) *world {
	t.Helper()
	w := &world{T: t, flags: []string{"--ceiling", ceiling.String(), "--cache-ttl", "5s"}}
	var err error
	w.server, err = pgserver.Start(t.Context())
	w.must(err)
	t.Cleanup(func() {
		if err := w.server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("PostgreSQL for tests: %v", err)
		}
	})
	w.Stage, err = stage.Prepare(t.Context(), binary, t.TempDir(), w.server)
	w.must(err)
	var shared []string
	if redis {
		w.redis = redisserver.Start(t)
		shared = []string{"--redis", w.redis.Address()}
		w.flags = append(w.flags, shared...)
	}
	m, err := w.Management(t.Context(), w.Owner, shared...)
	w.must(err)
	t.Cleanup(func() { w.must(m.Close()) })
	w.api, err = w.Client(m)
	w.must(err)
	t.Cleanup(w.api.Close)
	w.ctx, w.end = context.WithCancel(context.WithoutCancel(t.Context()))
	w.calm, w.still = context.WithCancel(w.ctx)
	t.Cleanup(w.finish)
	for range replicas {
		line, err := link.Start(t.Context(), w.Place())
		w.must(err)
		t.Cleanup(func() { _ = line.Close() })
		s := &seat{line: line}
		w.seats = append(w.seats, s)
		w.must(w.occupy(s))
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// occupy starts a process in an empty seat.
func (w *world) occupy(s *seat) error {
	address, err := stage.Through(w.Checker, s.line.Address)
	if err != nil {
		return err
	}
	process, err := w.Replica(w.ctx, address, w.flags...)
	if err != nil {
		return err
	}
	prober, err := stage.NewProber(process.Check)
	if err != nil {
		process.Kill()
		return err
	}
	t := &tenant{process: process, prober: prober}
	s.setTenant(t)
	w.users.Go(func() {
		<-process.Done()
		if !t.ending.Load() {
			w.Errorf("the replica at %s ended by itself: %v", process.Check, lastWords(process))
		}
	})
	return nil
}

func lastWords(process *harness.Credence) string {
	log, err := process.Log()
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-2000):])
}

// vacate ends the process in a seat, by a crash or as an operator would.
func (w *world) vacate(s *seat, crash bool) {
	t, _ := s.now()
	if t == nil {
		return
	}
	t.ending.Store(true)
	s.setTenant(nil)
	if crash {
		t.process.Kill()
	} else if err := t.process.Close(); err != nil {
		w.Error(err)
	}
	_ = t.prober.Close()
}

// finish ends everybody; calling it again does nothing more.
func (w *world) finish() {
	w.end()
	w.unrest.Wait()
	for _, s := range w.seats {
		w.vacate(s, true)
	}
	w.users.Wait()
}

// random is a source of its own for each part, so that the schedule of one
// does not depend on what another is about.
func random(seed uint64, part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, part))
}

// pause waits for between a tenth and the whole of most, or until ctx ends.
func pause(ctx context.Context, random *rand.Rand, most time.Duration) {
	timer := time.NewTimer(most/10 + time.Duration(random.Int64N(int64(most*9/10))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
