package limiter

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// Budgets are rates that replicas share. Package store/redis fulfils it.
type Budgets interface {
	// Slots is how many slots there are; Slot is that of a subject, from 0.
	// The draws of a group are of one slot.
	Slots() int
	Slot(subject string) int
	// Draw fills in each group's answers, or its error. It ends with ctx. What
	// is held is held for life, from some instant within the call.
	Draw(ctx context.Context, life time.Duration, groups []*limit.Group)
}

// shared takes from budgets that replicas share, and from the share of this
// replica when they cannot be asked.
type shared struct {
	limiter *Limiter
	budgets Budgets
	exact   bool
	wait    time.Duration
	life    time.Duration
	now     func() time.Time
	logger  *slog.Logger

	lanes   []*lane
	counts  sharedCounts
	keeping keeping

	mu      sync.Mutex // guards closed against running.Add
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
}

type sharedCounts struct {
	asked, here           *xsync.Counter // requests judged by budgets, by the share
	calls, draws, failed  atomic.Int64
	nonsense, times, back atomic.Int64
}

// SharedStats count what became of rates that replicas share.
type SharedStats struct {
	Exact    int64 // requests judged by asking the budgets
	Leased   int64 // requests judged by what is held of them
	Share    int64 // requests judged by the share of this replica, for want of an answer
	Calls    int64 // calls of the budgets
	Draws    int64 // groups of draws in them
	Failures int64 // of Calls: with an answer missing
	Nonsense int64 // answers that cannot be true
	Lost     int64 // times that the budgets were given up
	Returned int64 // times that they came back
	Away     int   // lanes that are given up now
}

func newShared(l *Limiter, o Options) *shared {
	s := &shared{
		limiter: l, budgets: o.Budgets, exact: o.Exact, wait: o.BudgetWait, life: o.Lease,
		now: o.Now, logger: o.Logger, closing: make(chan struct{}),
		counts: sharedCounts{asked: xsync.NewCounter(), here: xsync.NewCounter()},
	}
	for range min(o.Budgets.Slots(), mostLanes) {
		s.lanes = append(s.lanes, &lane{shared: s})
	}
	return s
}

func (s *shared) stats() SharedStats {
	if s == nil {
		return SharedStats{}
	}
	stats := SharedStats{
		Share: s.counts.here.Value(),
		Calls: s.counts.calls.Load(), Draws: s.counts.draws.Load(), Failures: s.counts.failed.Load(),
		Nonsense: s.counts.nonsense.Load(), Lost: s.counts.times.Load(), Returned: s.counts.back.Load(),
	}
	if s.exact {
		stats.Exact = s.counts.asked.Value()
	} else {
		stats.Leased = s.counts.asked.Value()
	}
	for _, l := range s.lanes {
		if l.away.Load() {
			stats.Away++
		}
	}
	return stats
}

// laneOf is the lane of the slot: neighbours, which a Cluster keeps on one
// node, share one.
func (s *shared) laneOf(slot int) *lane {
	return s.lanes[slot*len(s.lanes)/s.budgets.Slots()]
}

// take judges one request.
func (s *shared) take(ctx context.Context, t *taking, out []pipeline.LimitOutcome) ([]pipeline.LimitOutcome, bool, error) {
	// Not the instant at which the request began: what was held then may have
	// ended since.
	t.at = s.at()
	var answered, ok bool
	var err error
	if s.exact {
		out, ok, answered, err = s.takeExact(ctx, t, out)
	} else {
		out, ok, answered, err = s.takeLeased(ctx, t, out)
	}
	if answered || err != nil {
		s.counts.asked.Inc()
		return out, ok, err
	}
	s.counts.here.Inc()
	out, ok, err = s.limiter.takeHere(ctx, t, out)
	if ok && err == nil {
		s.owe(t)
	}
	return out, ok, err
}

// owe notes what the share has admitted, to be taken from the budgets once
// they are back.
func (s *shared) owe(t *taking) {
	for i := range t.limits {
		if r, known := s.limiter.known(&t.limits[i]); known {
			r.lease.owed.Add(t.cost)
		}
	}
}

func (s *shared) at() int64 { return s.limiter.clock.at(s.now()) }

// rateOf answers the rate of the limit, making it when there is none.
func (s *shared) rateOf(of *pipeline.SubjectLimit, at int64) *rate {
	r, known := s.limiter.known(of)
	if !known {
		return s.limiter.rate(of, at)
	}
	if to := s.limiter.share.Load(); r.part.Load().of != to {
		s.limiter.reshare(r, of, to, at)
	}
	return r
}

// run runs work that outlives the request; it answers false after close.
func (s *shared) run(ctx context.Context, work func(ctx context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	detached := context.WithoutCancel(ctx)
	s.running.Go(func() { work(detached) })
	return true
}

// close gives back what is held. Requests are judged by the share afterwards.
func (s *shared) close(ctx context.Context) {
	s.giveBack(ctx)
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.keeping.stop()
	s.running.Wait()
}

// reply is what one limit said to a request.
type reply struct {
	remaining int64
	wait      time.Duration // of a refusal
	refused   bool
}

// outcome is what is told of it.
func (r *reply) outcome(of *pipeline.SubjectLimit) pipeline.LimitOutcome {
	o := pipeline.LimitOutcome{Name: of.Label, Limit: of.Limit.Limit, Period: of.Period, Refused: r.refused}
	o.Remaining = min(max(r.remaining, 0), of.Capacity())
	if r.refused {
		o.Reset = min(r.wait, limit.Never)
		return o
	}
	// A full budget without what is spent of it.
	d := of.Rate().Spend(0, 0, of.Capacity()-o.Remaining)
	o.Reset = time.Duration(d)
	return o
}
