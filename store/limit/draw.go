package limit

import (
	"math"
	"time"
)

// A budget that replicas share lies outside of them, in package store/redis:
// one for each subject and limit. Replicas draw units from it, for a request
// that is there or in advance.
//
// What was drawn in advance is held under a lease. Units that are held and not
// spent count inside the burst: a budget never comes back further than to what
// is not held. So at any instant there are at most B units that can be spent,
// in the budget and held together, and in any window W at most B + W*L/P are
// spent, however late those that hold them spend them. The holder stops before
// the lease ends, by a clock of its own that only goes forward; the budget
// goes on counting the units as held until then.

// Draw asks one budget for units.
type Draw struct {
	Subject string
	Limit   Limit

	Cost  int64 // units that are needed: all of them, or nothing is given
	Extra int64 // units that are wanted besides, as many as there are
	// Hold says that what is given is held under the lease, with Keep; else
	// Cost is spent with the draw.
	Hold bool
	// Keep is at most how many units of the lease are not spent, those aside
	// that Return gives back. The others are spent.
	Keep   int64
	Return int64
	// Owed are units that were admitted without asking: taken in any case.
	Owed int64
	// Refund takes back units that a draw at RefundAt (the Answer's At) took
	// as spent, and that were not.
	Refund   int64
	RefundAt int64

	Answer Answer // filled in by whoever is asked
}

// Answer is what a budget says to a [Draw].
type Answer struct {
	Given  int64         // units, Cost included; 0 when there was not enough
	Left   int64         // units in the budget, not given to anybody
	Wait   time.Duration // until Cost units would be there; 0 when they were given
	At     int64         // the budget's clock, in microseconds
	Denied bool          // Cost units were not there
}

// Group are draws that are given together or not at all: when one budget has
// less than the Cost, none gives any. Returned and owed units count anyway.
type Group struct {
	Draws []Draw
	Err   error // the budgets could not be asked; it is not known whether they gave
}

// Terms are what a [Limit] comes to in the whole numbers that a budget counts
// with: exact in a double, so below 2^53.
type Terms struct {
	PerMicrosecond int64 // ticks of a microsecond
	Interval       int64 // ticks in which one unit comes back, rounded up
	Tolerance      int64 // ticks of a full budget
}

// Terms answers the terms of the limit; zero for one that is not valid.
func (l Limit) Terms() Terms {
	r := l.Rate()
	if r.interval == 0 {
		return Terms{}
	}
	if r.interval <= math.MaxInt64/r.capacity && r.interval*r.capacity < 1<<51 {
		return Terms{1000, r.interval, r.interval * r.capacity}
	}
	// Weeks to fill: a unit takes long to come back, and microseconds do.
	interval := r.interval / 1000
	if r.interval%1000 != 0 {
		interval++
	}
	return Terms{1, interval, interval * r.capacity}
}
