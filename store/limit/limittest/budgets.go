package limittest

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"credence/store/limit"
)

// jitter is how far a clock may be back and still be the same one.
const jitter = int64(time.Second / time.Microsecond)

// Server is budgets that several holders share. Its fields may be changed
// while nobody draws.
type Server struct {
	Now   func() time.Time // the clock of the server
	Slots int              // 0 is 1: all in one slot
	// Before is asked before each call: it may wait, fail, or do mischief
	// with the answers afterwards, by what it answers.
	Before func(ctx context.Context) (after func(groups []*limit.Group), err error)

	mu      sync.Mutex
	budgets map[budgetKey]*budget
	calls   int
}

type budgetKey struct {
	subject string
	limit   limit.Limit
}

type budget struct {
	debt, at int64 // ticks; microseconds
	held     int64
	leases   map[string]lease
}

type lease struct{ units, ends, sequence int64 }

// Forget loses everything, as a server does that starts empty.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budgets = nil
}

// Calls is how many calls were answered.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Holder draws from a Server under a name.
type Holder struct {
	server *Server
	name   string

	mu       sync.Mutex
	sequence int64
}

// Holder answers a holder of the name.
func (s *Server) Holder(name string) *Holder { return &Holder{server: s, name: name} }

// Slots is how many slots there are.
func (h *Holder) Slots() int { return max(h.server.Slots, 1) }

// Slot is the slot of the subject: its first byte decides.
func (h *Holder) Slot(subject string) int { return int(subject[0]) % h.Slots() }

// errMixed means that a group reaches over slots, which no Cluster allows.
var errMixed = errors.New("the draws of a group are of several slots")

// Draw asks the server.
func (h *Holder) Draw(ctx context.Context, life time.Duration, groups []*limit.Group) {
	h.mu.Lock()
	h.sequence++
	sequence := h.sequence
	h.mu.Unlock()
	var after func([]*limit.Group)
	if h.server.Before != nil {
		var err error
		if after, err = h.server.Before(ctx); err != nil {
			for _, g := range groups {
				g.Err = err
			}
			return
		}
	}
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	h.server.calls++
	for _, g := range groups {
		for i := range g.Draws {
			if h.Slot(g.Draws[i].Subject) != h.Slot(g.Draws[0].Subject) {
				g.Err = errMixed
			}
		}
		if g.Err == nil {
			h.server.draw(h.name, sequence, life, g)
		}
	}
	if after != nil {
		after(groups)
	}
}

// DrawAs draws once for a holder with a sequence number, which a test may
// choose out of order.
func (s *Server) DrawAs(name string, sequence int64, life time.Duration, g *limit.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw(name, sequence, life, g)
}

// drawing is one draw under way.
type drawing struct {
	*budget

	terms limit.Terms
	mine  lease
	keep  int64
	extra int64
	late  bool
}

func (s *Server) draw(name string, sequence int64, life time.Duration, g *limit.Group) {
	now := s.Now().UnixMicro()
	drawings := make([]drawing, len(g.Draws))
	ok := true
	for i := range g.Draws {
		drawings[i] = s.begin(name, sequence, now, &g.Draws[i])
		ok = ok && !g.Draws[i].Answer.Denied
	}
	for i := range g.Draws {
		drawings[i].finish(name, sequence, now, life.Microseconds(), &g.Draws[i], ok)
		if drawings[i].debt == 0 && drawings[i].held == 0 {
			delete(s.budgets, budgetKey{g.Draws[i].Subject, g.Draws[i].Limit})
		}
	}
}

// begin settles what the holder says of its lease, and looks whether the cost
// is there.
func (s *Server) begin(name string, sequence, now int64, d *limit.Draw) drawing {
	if s.budgets == nil {
		s.budgets = map[budgetKey]*budget{}
	}
	key := budgetKey{d.Subject, d.Limit}
	b := s.budgets[key]
	if b == nil {
		b = &budget{at: now, leases: map[string]lease{}}
		s.budgets[key] = b
	}
	if b.at > now+jitter {
		b.at = now
	}
	g := drawing{budget: b, terms: d.Limit.Terms(), extra: d.Extra}
	b.expire(now, &g.terms)
	if b.at < now {
		b.decay(now, &g.terms)
	}
	var leased bool
	g.mine, leased = b.leases[name]
	d.Answer = limit.Answer{At: now}
	g.late = leased && sequence <= g.mine.sequence
	if g.late {
		g.extra, d.Answer.Denied = 0, d.Hold
	} else {
		g.keep = min(d.Keep, g.mine.units)
		b.held -= g.mine.units - g.keep
		b.debt -= min(d.Return, g.mine.units-g.keep) * g.terms.Interval
	}
	b.debt -= max(d.Refund*g.terms.Interval-max(now-d.RefundAt, 0)*g.terms.PerMicrosecond, 0)
	b.debt = max(min(b.debt+d.Owed*g.terms.Interval, 2*g.terms.Tolerance), b.held*g.terms.Interval, 0)
	lacks := b.debt + d.Cost*g.terms.Interval - g.terms.Tolerance
	d.Answer.Denied = d.Answer.Denied || lacks > 0
	if d.Answer.Denied {
		wait := max((lacks+g.terms.PerMicrosecond-1)/g.terms.PerMicrosecond, 1) + max(b.at-now, 0)
		d.Answer.Wait = time.Duration(wait) * time.Microsecond
	}
	return g
}

// finish gives, when all of the group can.
func (g *drawing) finish(name string, sequence, now, life int64, d *limit.Draw, ok bool) {
	if ok {
		g.debt += d.Cost * g.terms.Interval
		more := max(min(g.extra, (g.terms.Tolerance-g.debt)/g.terms.Interval/2), 0)
		g.debt += more * g.terms.Interval
		d.Answer.Given = d.Cost + more
	}
	d.Answer.Left = max((g.terms.Tolerance-g.debt)/g.terms.Interval, 0)
	units := g.keep
	if d.Hold {
		g.held += d.Answer.Given
		units += d.Answer.Given
	}
	switch {
	case g.late:
	case units > 0:
		g.leases[name] = lease{units, now + life, sequence}
	default:
		delete(g.leases, name)
	}
}

func (b *budget) decay(to int64, t *limit.Terms) {
	b.debt = max(b.debt-(to-b.at)*t.PerMicrosecond, min(b.debt, b.held*t.Interval))
	b.at = to
}

func (b *budget) expire(now int64, t *limit.Terms) {
	var ended []lease
	for name, l := range b.leases {
		if l.ends <= now {
			ended = append(ended, l)
			delete(b.leases, name)
		}
	}
	sort.Slice(ended, func(i, j int) bool { return ended[i].ends < ended[j].ends })
	for _, l := range ended {
		if l.ends > b.at {
			b.decay(l.ends, t)
		}
		b.held -= l.units
	}
}
