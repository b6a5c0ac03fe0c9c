package limit

import (
	"math"
	"time"
)

// Never is the RetryAfter of a request that no waiting helps: its cost is more
// than a full budget, or it or its limit is not valid. It is a hundred years,
// so that arithmetic on it does not overflow.
const Never = 100 * 366 * 24 * time.Hour

// Rate is a limit in the form that decides, made once by [Limit.Rate] and
// kept. Rates are comparable; the zero Rate refuses everything.
type Rate struct {
	interval int64 // nanoseconds in which one unit comes back, rounded up
	capacity int64 // units of a full budget
	whole    int64 // units that one request may cost: of a full budget before it was shared
}

// Rate prepares the limit for deciding. A limit that [Limit.Validate] refuses
// becomes the zero Rate.
func (l Limit) Rate() Rate {
	if l.checkAmounts() != nil {
		return Rate{}
	}
	period := int64(l.Period)
	interval := period / l.Limit
	if period%l.Limit != 0 {
		interval++ // rounded up, so that rounding never admits more
	}
	return Rate{interval: interval, capacity: l.Capacity(), whole: l.Capacity()}
}

// Decision is the outcome of one request against one limit.
type Decision struct {
	OK         bool
	TAT        int64         // the new state; unchanged when refused. Unix nanoseconds
	Remaining  int64         // units that would still be admitted at this instant
	RetryAfter time.Duration // 0 when admitted; else the wait until this cost is; Never when no wait helps
	ResetAfter time.Duration // until the budget is full
}

// Decide asks whether a request of this cost is admitted at now by the limit
// whose state is tat; both are Unix nanoseconds. See [Rate.Decide].
func Decide(l Limit, tat, now, cost int64) Decision {
	return l.Rate().Decide(tat, now, cost)
}

// Decide asks whether a request of this cost is admitted at now when the state
// is tat; both are Unix nanoseconds. It changes nothing: who keeps the state
// stores Decision.TAT if, and only if, all limits of the request admit it.
func (r Rate) Decide(tat, now, cost int64) Decision {
	if r.interval == 0 || cost < 1 || cost > r.whole || cost > MaxCost {
		return r.refuse(tat, now, Never)
	}
	// Both products are at most Never: Validate and Share have bounded them.
	debt := subtract(max(tat, now), now) + cost*r.interval
	// What costs more than the budget of a share needs all of it, and waits.
	tolerance := max(r.capacity, cost) * r.interval
	if debt > tolerance {
		return r.refuse(tat, now, time.Duration(debt-tolerance))
	}
	if debt <= math.MaxInt64-max(now, 0) {
		return Decision{
			OK:         true,
			TAT:        now + debt,
			Remaining:  max(0, r.capacity*r.interval-debt) / r.interval,
			ResetAfter: time.Duration(debt),
		}
	}
	return r.refuse(tat, now, Never) // an instant at the end of int64
}

// refuse describes the budget as it is.
func (r Rate) refuse(tat, now int64, retryAfter time.Duration) Decision {
	d := Decision{TAT: tat, RetryAfter: min(retryAfter, Never)}
	if r.interval == 0 {
		d.ResetAfter = Never
		return d
	}
	debt := subtract(max(tat, now), now)
	d.ResetAfter = time.Duration(debt)
	d.Remaining = max(0, r.capacity*r.interval-debt) / r.interval
	return d
}

// subtract is a-b for a >= b, at most far: a difference larger than that comes
// from a damaged state, and one interval must still fit above it.
func subtract(a, b int64) int64 {
	const far = int64(Never)
	if d := a - b; d >= 0 && d < far {
		return d
	}
	return far
}
