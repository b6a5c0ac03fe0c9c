package limiter

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"credence/store/limit"
)

// retired is the arrival time of a rate that has left its table. No clock
// shows it.
const retired = math.MinInt64

// rate is the state of one limit of one subject.
type rate struct {
	part  atomic.Pointer[part]
	tat   atomic.Int64
	lease *lease // what is held of a budget that replicas share; nil without one
	home  *Limiter
}

// part is what a rate keeps to: the limit, or a share of it.
type part struct {
	limit.Rate

	of *share // nil for what is not shared
}

// parts keeps one part for all rates that have the same: most keys have the
// limits of a plan, and what many share is in a processor's cache.
type parts struct {
	mu  sync.Mutex
	all map[part]*part
}

// mostParts is how many are kept; beyond, it begins anew.
const mostParts = 4096

// one answers the part that all share.
func (ps *parts) one(p part) *part {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if known, ok := ps.all[p]; ok {
		return known
	}
	if ps.all == nil || len(ps.all) >= mostParts {
		ps.all = make(map[part]*part)
	}
	ps.all[p] = &p
	return &p
}

func newRate(p *part) *rate {
	r := &rate{}
	r.part.Store(p)
	return r
}

func (r *rate) worth(at int64) int64 {
	worth := max(r.tat.Load()-at, 0)
	if r.lease != nil {
		worth = max(worth, r.lease.worth(at))
	}
	return worth
}

func (r *rate) retire(at, atMost int64) bool {
	tat := r.tat.Load()
	if tat == retired || r.worth(at) > atMost || !r.tat.CompareAndSwap(tat, retired) {
		return false
	}
	if r.lease != nil {
		r.lease.retire()
	}
	return true
}

// spend charges what another judge has admitted, as far as the share goes.
func (r *rate) spend(at, units int64) {
	for units > 0 {
		tat := r.tat.Load()
		if tat == retired || r.tat.CompareAndSwap(tat, r.part.Load().Spend(tat, at, units)) {
			return
		}
	}
}

// debt is how many units the share has admitted and that have not come back.
func (r *rate) debt(at int64) int64 {
	tat := r.tat.Load()
	if tat == retired {
		return 0
	}
	p := r.part.Load()
	return p.Decide(0, at, 0).Remaining - p.Decide(tat, at, 0).Remaining
}

// look asks without charging. ok is false when the rate has left its table.
func (r *rate) look(at, cost int64) (d limit.Decision, ok bool) {
	tat := r.tat.Load()
	if tat == retired {
		return limit.Decision{}, false
	}
	return r.part.Load().Decide(tat, at, cost), true
}

// charge takes the cost if the limit allows it. undo is what refund needs to
// take it back. ok is false when the rate has left its table.
func (r *rate) charge(at, cost int64) (d limit.Decision, undo int64, ok bool) {
	for {
		tat := r.tat.Load()
		if tat == retired {
			return limit.Decision{}, 0, false
		}
		d = r.part.Load().Decide(tat, at, cost)
		if !d.OK {
			return d, 0, true
		}
		if r.tat.CompareAndSwap(tat, d.TAT) {
			return d, d.TAT - max(tat, at), true
		}
	}
}

// keepTo takes the state over to another part. The table calls it with its
// lock held: in between, the rate looks as if it had left the table, and who
// finds it so waits for that lock.
func (r *rate) keepTo(p *part, at int64) {
	tat := r.tat.Swap(retired)
	if tat == retired {
		return
	}
	old := r.part.Swap(p)
	r.tat.Store(p.Carry(old.Rate, tat, at))
}

// refund takes a charge back. Time that others have added stays added.
func (r *rate) refund(undo int64) {
	for {
		tat := r.tat.Load()
		if tat == retired || r.tat.CompareAndSwap(tat, tat-undo) {
			return
		}
	}
}

// clock turns instants into nanoseconds that never go back: Unix time at the
// start plus the monotonic time since, where the instants carry it.
type clock struct{ start time.Time }

func (c clock) at(now time.Time) int64 { return c.start.UnixNano() + int64(now.Sub(c.start)) }
