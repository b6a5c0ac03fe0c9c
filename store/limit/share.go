package limit

import (
	"math"
	"math/bits"
)

// Share is the part of the limit that the replica of this rank (from 0) keeps
// to when so many replicas count for themselves. Of the rate each gets the same:
// a unit comes back so many times slower. The burst is divided too, what is
// left over goes to the first ranks, and nobody gets less than 1. So all
// together admit what the limit alone would, or at once as many units as there
// are replicas where the burst is less than that.
//
// A request that costs more than the share's burst, but not more than the
// limit's, is admitted when the share is full, and paid off afterwards.
//
// A rank outside 0 to replicas-1 gets the smallest share. Without replicas the
// share is the whole limit.
func (l Limit) Share(rank, replicas int) Rate {
	r := l.Rate()
	if replicas <= 1 || r.interval == 0 {
		return r
	}
	n := int64(replicas)
	burst := r.capacity / n
	if rank >= 0 && int64(rank) < r.capacity%n {
		burst++
	}
	slowest := int64(Never) / r.whole // a request may cost the whole budget
	if r.interval > slowest/n {
		return Rate{interval: slowest, capacity: max(burst, 1), whole: r.whole}
	}
	return Rate{interval: r.interval * n, capacity: max(burst, 1), whole: r.whole}
}

// Carry is the state under the rate that owes as many units as tat does under
// another one: what was taken before a limit was shared otherwise stays taken.
// A budget that is full stays full.
func (r Rate) Carry(from Rate, tat, now int64) int64 {
	if tat <= now || from.interval == 0 || r.interval == from.interval {
		return tat
	}
	high, low := bits.Mul64(uint64(subtract(tat, now)), uint64(r.interval))
	if high >= uint64(from.interval) {
		return later(now, int64(Never))
	}
	debt, rest := bits.Div64(high, low, uint64(from.interval))
	if rest > 0 {
		debt++ // rounded up, so that rounding never admits more
	}
	return later(now, int64(min(debt, uint64(Never))))
}

// Spend is the state after so many units were admitted by somebody else: at
// most an empty budget, since what he could give is not owed here.
func (r Rate) Spend(tat, now, units int64) int64 {
	if r.interval == 0 || units < 1 {
		return tat
	}
	debt := subtract(max(tat, now), now)
	empty := r.capacity * r.interval
	if debt >= empty {
		return tat
	}
	return later(now, min(debt+min(units, r.capacity)*r.interval, empty))
}

func later(now, debt int64) int64 {
	if debt > math.MaxInt64-max(now, 0) {
		return math.MaxInt64
	}
	return now + debt
}
