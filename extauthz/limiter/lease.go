package limiter

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

const (
	// horizon is how much of its demand a replica holds in advance, and
	// shortHorizon where the demand is high: enough for many requests between
	// two draws, and not more than it is about to spend.
	horizon      = 600 * time.Millisecond
	shortHorizon = 50 * time.Millisecond
	fewUnits     = 64
	// perDraw is for how many requests one draw should do while units are
	// scarce, longestPause what it may make a request wait at most.
	perDraw      = 24
	longestPause = 250 * time.Millisecond
	longestDry   = time.Second
	// gone are the units of a lease whose rate has left its table.
	gone = math.MinInt64 / 2
)

// lease is what this replica holds of one budget, and what it knows of it.
type lease struct {
	rate    *rate
	limit   limit.Limit
	subject string
	lane    *lane

	// What a request touches.
	units   atomic.Int64 // that can be spent
	ends    atomic.Int64 // the instant from which they cannot, by the limiter's clock
	low     atomic.Int64 // so few units are a reason to draw
	drawing atomic.Bool  // a draw is under way

	// What a request without units touches.
	dryTil  atomic.Int64 // until when it makes no sense to ask for dryCost units
	dryCost atomic.Int64
	thereAt atomic.Int64 // when dryCost units should be there
	left    atomic.Int64 // units in the budget, as last heard
	missed  atomic.Int64 // units that were asked for and refused since the last draw
	owed    atomic.Int64 // units that the share has admitted, not yet told

	mu       sync.Mutex // never held during I/O
	epoch    int64      // grows with each draw
	answered chan struct{}
	demand   int64 // units that requests are waiting for
	least    int64 // the smallest of their costs
	listed   bool

	// Only the draw under way touches these.
	had     int64   // units after the last draw
	drawnAt int64   // instant of it
	demands float64 // units per second
	scarce  bool    // the last draw did not get all it wanted
	guard   int64   // arrival time of all that was given here
}

func (s *shared) newLease(r *rate, of *pipeline.SubjectLimit, at int64) *lease {
	l := &lease{
		rate: r, limit: of.Limit, subject: of.Subject, drawnAt: at,
		lane: s.laneOf(s.budgets.Slot(of.Subject)),
	}
	l.left.Store(of.Capacity())
	return l
}

// held is how many units can be spent.
func (l *lease) held(at int64) int64 {
	if at >= l.ends.Load() {
		return 0
	}
	return max(l.units.Load(), 0)
}

// spend takes the cost from what is held. low says that it is time to draw.
func (l *lease) spend(at, cost int64) (ok, low bool) {
	for {
		units := l.units.Load()
		if units < cost || at >= l.ends.Load() {
			return false, false
		}
		if l.units.CompareAndSwap(units, units-cost) {
			return true, units-cost < l.low.Load() && !l.drawing.Load()
		}
	}
}

func (l *lease) era() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// unspend takes a spending back, unless it has been told as spent since.
func (l *lease) unspend(era, cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == era {
		l.units.Add(cost)
	}
}

// dry reports whether it makes no sense to ask for the cost now, and the time
// to wait.
func (l *lease) dry(at, cost int64) (time.Duration, bool) {
	if at >= l.dryTil.Load() || cost < l.dryCost.Load() || l.lane.away.Load() {
		return 0, false
	}
	return time.Duration(max(l.thereAt.Load()-at, int64(time.Microsecond))), true
}

// dryUp notes that the cost will not be there until an instant. Budgets are
// asked again sooner than that: they may have been told of units given back.
func (l *lease) dryUp(at, thereAt, cost int64) {
	l.dryCost.Store(cost)
	l.thereAt.Store(thereAt)
	l.dryTil.Store(min(thereAt, at+int64(longestDry)))
}

func (l *lease) worth(at int64) int64 {
	if l.held(at) == 0 {
		return 0
	}
	return max(l.ends.Load()-at, 0)
}

func (l *lease) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units.Store(gone)
}

// want is how many units should be held at this demand.
func (l *lease) want(replicas int) int64 {
	want := min(l.demands*horizon.Seconds(), max(fewUnits, l.demands*shortHorizon.Seconds()))
	if l.scarce { // others want some too
		want = min(want, l.demands*l.pause().Seconds())
	}
	return min(int64(want), l.limit.Capacity()/int64(2*max(replicas, 1)))
}

// pause is how long scarce units are left to gather.
func (l *lease) pause() time.Duration {
	fill := time.Duration(l.limit.Rate().Spend(0, 0, l.limit.Capacity()))
	longest := min(longestPause, fill/4)
	return max(min(time.Duration(perDraw/max(l.demands, 1)*float64(time.Second)), longest), 0)
}

// learn notes what was asked for since the last draw.
func (l *lease) learn(at, spent int64) {
	since := max(float64(at-l.drawnAt)/float64(time.Second), 0.01)
	demands := float64(spent+l.missed.Swap(0)) / since
	l.demands = (l.demands + demands) / 2
	l.drawnAt = at
}

// admits reports whether one replica alone can have been given so many units
// by budgets that are what they should be: twice the burst at once, and a
// second for the clocks. It bounds what budgets that lie can do. mu is held.
func (l *lease) admits(at, units int64) bool {
	full := l.limit.Rate().Spend(0, 0, l.limit.Capacity())
	cost := l.limit.Rate().Spend(0, 0, units)
	guard := max(l.guard, at) + cost
	if guard-at > 2*full+int64(time.Second) {
		return false
	}
	l.guard = guard
	return true
}
