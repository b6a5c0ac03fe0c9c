package limiter

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"credence/store/limit"
)

const (
	mostLanes   = 16
	mostQueued  = 4096 // errands that wait in a lane
	mostAtOnce  = 128  // errands in one call
	mostFlights = 2    // calls of a lane at once
	// failuresToGiveUp in a row, and no request waits for the lane any more;
	// so many good answers in a row, probePause apart, and they do again.
	failuresToGiveUp = 2
	goodProbes       = 2
	probePause       = 200 * time.Millisecond
)

// errNonsense is an answer that budgets cannot give.
var errNonsense = errors.New("an answer that cannot be true")

// errand is a group of draws on its way.
type errand struct {
	group limit.Group
	one   [1]limit.Draw // of the group, mostly
	lease *lease        // whose lease it draws for; nil when what it draws is spent
	sent  int64         // the instant before it was sent
	done  chan struct{}
	// forgotten says that nobody waits any more: it need not be sent.
	forgotten atomic.Bool
}

// lane carries errands to budgets that lie together. Those that come while a
// call is under way go together in the next one.
type lane struct {
	shared *shared
	away   atomic.Bool

	mu       sync.Mutex // never held during I/O
	queue    []*errand
	flights  int
	failures int // in a row
}

// send has the errand done; false when it cannot be.
func (l *lane) send(ctx context.Context, e *errand) bool {
	if l.away.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= mostQueued {
		return false
	}
	if l.flights < mostFlights {
		if !l.shared.run(ctx, l.fly) {
			return false
		}
		l.flights++
	}
	l.queue = append(l.queue, e)
	return true
}

// fly makes calls until nothing waits.
func (l *lane) fly(ctx context.Context) {
	for errands := l.next(); len(errands) > 0; errands = l.next() {
		l.call(ctx, errands)
	}
}

func (l *lane) next() []*errand {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), mostAtOnce)
	if n == 0 {
		l.flights--
		return nil
	}
	errands := append([]*errand(nil), l.queue[:n]...)
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	return errands
}

// call has the errands done in one call.
func (l *lane) call(ctx context.Context, errands []*errand) {
	s := l.shared
	groups := make([]*limit.Group, 0, len(errands))
	for _, e := range errands {
		if e.forgotten.Load() {
			continue
		}
		e.sent = s.at()
		if e.lease != nil {
			s.prepare(e)
		}
		groups = append(groups, &e.group)
	}
	if len(groups) > 0 {
		l.ask(ctx, groups)
	}
	var failed *limit.Group
	for _, e := range errands {
		if e.lease != nil {
			s.settle(ctx, e)
		}
		if e.group.Err != nil {
			failed = &e.group
		}
		close(e.done)
	}
	l.note(ctx, failed)
}

// ask calls the budgets and looks whether the answers can be true.
func (l *lane) ask(ctx context.Context, groups []*limit.Group) {
	s := l.shared
	bounded, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	s.counts.calls.Add(1)
	s.counts.draws.Add(int64(len(groups)))
	if l.away.Load() {
		for _, g := range groups {
			g.Err = context.DeadlineExceeded
		}
		return
	}
	s.budgets.Draw(bounded, s.life, groups)
	for _, g := range groups {
		if g.Err == nil && !plausible(g) {
			g.Err = errNonsense
			s.counts.nonsense.Add(1)
		}
	}
}

// plausible reports whether budgets that are what they should be can give
// these answers.
func plausible(g *limit.Group) bool {
	denied := false
	for i := range g.Draws {
		denied = denied || g.Draws[i].Answer.Denied
	}
	for i := range g.Draws {
		d := &g.Draws[i]
		a := &d.Answer
		// At most twice the budget is owed.
		longest := 2*time.Duration(d.Limit.Rate().Spend(0, 0, d.Limit.Capacity())) + 2*time.Second
		switch {
		case a.Left < 0 || a.Left > d.Limit.Capacity() || a.At < 0:
			return false
		case denied && a.Given != 0, a.Denied != (a.Wait > 0), a.Wait < 0 || a.Wait > longest:
			return false
		case !denied && (a.Given < d.Cost || a.Given > min(d.Cost+d.Extra, d.Limit.Capacity())):
			return false
		}
	}
	return true
}

// note gives the lane up when calls fail, and has it looked after.
func (l *lane) note(ctx context.Context, failed *limit.Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failed == nil {
		l.failures = 0
		return
	}
	l.shared.counts.failed.Add(1)
	if l.failures++; l.failures < failuresToGiveUp || l.away.Load() {
		return
	}
	l.shared.counts.times.Add(1)
	l.shared.logger.WarnContext(ctx, "shared limits cannot be asked, keeping to this replica's share",
		slog.Any("error", failed.Err))
	l.away.Store(true)
	peek := limit.Draw{Subject: failed.Draws[0].Subject, Limit: failed.Draws[0].Limit}
	l.shared.run(ctx, func(ctx context.Context) { l.probe(ctx, peek) })
}

// probe asks until answers come again.
func (l *lane) probe(ctx context.Context, peek limit.Draw) {
	timer := time.NewTimer(probePause)
	defer timer.Stop()
	for good := 0; good < goodProbes; {
		select {
		case <-l.shared.closing:
			return
		case <-timer.C:
		}
		good++
		if !l.answers(ctx, peek) {
			good = 0
		}
		timer.Reset(probePause)
	}
	l.mu.Lock()
	l.failures = 0
	l.away.Store(false)
	l.mu.Unlock()
	l.shared.counts.back.Add(1)
	l.shared.logger.InfoContext(ctx, "shared limits are asked again")
}

// answers draws nothing and looks whether there is an answer.
func (l *lane) answers(ctx context.Context, peek limit.Draw) bool {
	bounded, cancel := context.WithTimeout(ctx, l.shared.wait)
	defer cancel()
	group := limit.Group{Draws: []limit.Draw{peek}}
	l.shared.budgets.Draw(bounded, l.shared.life, []*limit.Group{&group})
	return group.Err == nil && plausible(&group)
}
