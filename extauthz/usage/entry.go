package usage

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"credence/store/sketch"
)

// entry is what is counted of one key: a slot for each outcome it has met, in
// a list that only grows at its head.
type entry struct {
	keyID string
	slots atomic.Pointer[slot]
	last  lastUse
	dirty atomic.Bool // it is in the list of what there is to drain
	after *entry      // in that list

	// Who drains alone touches these.
	busy int64 // Unix nanoseconds of when there was last something to drain
}

// slot counts one outcome. Lane m&1 is that of minute m.
type slot struct {
	what    outcome
	next    *slot
	retired bool // no slot: the head of an entry that has been taken away
	lanes   [2]lane
}

// lane is one minute of a slot. The top bit of checks marks it as retired.
type lane struct {
	checks    atomic.Uint64
	latency   atomic.Uint64 // nanoseconds
	addresses sketch.Atomic
}

const retiredBit = 1 << 63

// seen is what a lane notes of a Check.
type seen struct {
	took  time.Duration
	mark  sketch.Mark
	known bool // the mark is that of an address
}

// add counts one Check; false when the lane is retired. The count comes first:
// it alone decides whether the Check belongs here.
func (l *lane) add(s seen) bool {
	if l.checks.Add(1)&retiredBit != 0 {
		return false
	}
	l.latency.Add(uint64(max(0, s.took)))
	if s.known {
		l.addresses.Add(s.mark)
	}
	return true
}

// find answers the slot of the outcome; nil when there is none.
func (e *entry) find(what outcome) *slot {
	for s := e.slots.Load(); s != nil && !s.retired; s = s.next {
		if s.what == what {
			return s
		}
	}
	return nil
}

// grow is find that makes the slot; nil when the entry is retired.
func (e *entry) grow(what outcome) (s *slot, made bool) {
	fresh := &slot{what: what}
	for {
		head := e.slots.Load()
		if head != nil && head.retired {
			return nil, false
		}
		if s := e.find(what); s != nil {
			return s, false
		}
		fresh.next = head
		if e.slots.CompareAndSwap(head, fresh) {
			return fresh, true
		}
	}
}

func (e *entry) retired() bool {
	head := e.slots.Load()
	return head != nil && head.retired
}

// taken is what was counted in a lane since it was last drained.
type taken struct {
	checks    int64
	latency   time.Duration
	addresses sketch.Sketch
}

func (t *taken) empty() bool {
	return t.checks == 0 && t.latency == 0 && t.addresses == sketch.Sketch{}
}

// drain empties the lane.
func (l *lane) drain() (t taken) {
	if l.checks.Load() != 0 {
		t.checks = int64(l.checks.Swap(0))
	}
	l.rest(&t)
	return t
}

// retire empties the lane for good.
func (l *lane) retire() (t taken) {
	t.checks = int64(l.checks.Swap(retiredBit) &^ retiredBit)
	l.rest(&t)
	return t
}

// drainRetired takes what came after it was retired: never a count.
func (l *lane) drainRetired() (t taken) {
	l.rest(&t)
	return t
}

// rest takes what goes with the counts. Who has counted may still be adding
// it; it is then taken the next time.
func (l *lane) rest(t *taken) {
	if l.latency.Load() != 0 {
		t.latency = time.Duration(l.latency.Swap(0))
	}
	l.addresses.Take(&t.addresses)
}

// lastUse is when and from where a key was last let through. Times are Unix
// nanoseconds; 0 is never.
type lastUse struct {
	mu       sync.Mutex
	at, told int64
	from     netip.Addr
}

// set notes a use. It waits for nobody: whoever has the lock is noting a use
// of the same instant, or reading for some nanoseconds.
func (l *lastUse) set(at time.Time, from netip.Addr) {
	for range 16 {
		if !l.mu.TryLock() {
			continue
		}
		if when := at.UnixNano(); when > l.at {
			l.at, l.from = when, from
		}
		l.mu.Unlock()
		return
	}
}

// news answers the last use when it is to be told: the first, and then one a
// minute.
func (l *lastUse) news() (at time.Time, from netip.Addr, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == 0 || l.told != 0 && l.at-l.told < int64(time.Minute) {
		return at, from, false
	}
	l.told = l.at
	return time.Unix(0, l.at), l.from, true
}
