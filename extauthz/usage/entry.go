package usage

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"credence/store"
	"credence/store/sketch"
)

// entry is what is counted of one key: a slot for each outcome it has met on
// each route policy, in a list that only grows at its head.
type entry struct {
	keyID string
	slots atomic.Pointer[slot]
	// agents are families of user agents in a list like that of slots.
	agents atomic.Pointer[agent]
	last   lastUse
	after  *entry      // in the list of what there is to drain
	dirty  atomic.Bool // it is in that list

	// busy is when there was last something to drain, in Unix seconds. Who
	// drains alone touches it. There are many entries: more bytes would cost 16.
	busy uint32
}

// met is what a Check met: how it ended, and the stored route policy it ended
// on, "" without one.
type met struct {
	policy string
	what   outcome
}

// slot counts what was met. Lane m&1 is that of minute m.
type slot struct {
	policy  string
	what    outcome
	retired bool // no slot: the head of an entry that has been taken away
	next    *slot
	lanes   [2]lane
}

func (s *slot) met() met { return met{s.policy, s.what} }

// tally is how many Checks there were, and how long they took. The top bit of
// checks marks it as retired.
type tally struct {
	checks  atomic.Uint64
	latency atomic.Uint64 // nanoseconds
}

// lane is one minute of a slot.
type lane struct {
	tally
	addresses sketch.Atomic
}

const retiredBit = 1 << 63

// seen is what a lane notes of a Check.
type seen struct {
	took  time.Duration
	mark  sketch.Mark
	known bool // the mark is that of an address
}

// add counts one Check; false when the tally is retired. The count comes first:
// it alone decides whether the Check belongs here.
func (t *tally) add(took time.Duration) bool {
	if t.checks.Add(1)&retiredBit != 0 {
		return false
	}
	t.latency.Add(uint64(max(0, took)))
	return true
}

func (l *lane) add(s seen) bool {
	if !l.tally.add(s.took) {
		return false
	}
	if s.known {
		l.addresses.Add(s.mark)
	}
	return true
}

// find answers the slot of what was met; nil when there is none.
func (e *entry) find(m met) *slot {
	for s := e.slots.Load(); s != nil && !s.retired; s = s.next {
		if s.what == m.what && s.policy == m.policy {
			return s
		}
	}
	return nil
}

// grow is find that makes the slot; nil when the entry is retired.
func (e *entry) grow(m met) (s *slot, made bool) {
	// Cloned, to not keep the memory of the snapshot that the policy came from.
	fresh := &slot{policy: strings.Clone(m.policy), what: m.what}
	for {
		head := e.slots.Load()
		if head != nil && head.retired {
			return nil, false
		}
		if s := e.find(m); s != nil {
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

// drain takes the count.
func (t *tally) drain() int64 {
	if t.checks.Load() == 0 {
		return 0
	}
	return int64(t.checks.Swap(0))
}

// retire takes the count for good.
func (t *tally) retire() int64 { return int64(t.checks.Swap(retiredBit) &^ retiredBit) }

// drained is for what came after it was retired: never a count.
func (t *tally) drained() int64 { return 0 }

// spent takes the time. Who has counted may still be adding it, and what else
// goes with the count; it is then taken the next time.
func (t *tally) spent() time.Duration {
	if t.latency.Load() == 0 {
		return 0
	}
	return time.Duration(t.latency.Swap(0))
}

// take empties the lane.
func (l *lane) take(drain func(*tally) int64) (t taken) {
	t.checks, t.latency = drain(&l.tally), l.spent()
	l.addresses.Take(&t.addresses)
	return t
}

// lastUse is when and from where a key was last let through, and from which
// networks since that was last told. Times are Unix nanoseconds; 0 is never.
type lastUse struct {
	mu       sync.Mutex
	at, told int64
	from     netip.Addr
	others   *[]sight // networks beside that of from; nil mostly
}

// sight is a network, and when it was last seen.
type sight struct {
	network netip.Addr
	at      int64 // Unix nanoseconds
}

// mostNetworks bounds what is told of one key at a time. How many addresses
// there were, the sketches say.
const mostNetworks = 16

// set notes a use. It waits for nobody: whoever has the lock is noting a use
// of the same instant, or reading for some nanoseconds.
func (l *lastUse) set(at time.Time, from netip.Addr) {
	for range 16 {
		if !l.mu.TryLock() {
			continue
		}
		when := at.UnixNano()
		other, seen := from, when
		if when > l.at {
			if l.at > l.told { // what is told is told
				other, seen = l.from, l.at
			}
			l.at, l.from = when, from
		}
		if other != l.from {
			l.note(store.KeyNetworkOf(other), seen)
		}
		l.mu.Unlock()
		return
	}
}

// note keeps the network of an address that is not the last one, until it is
// told.
func (l *lastUse) note(network netip.Addr, at int64) {
	if !network.IsValid() || network == store.KeyNetworkOf(l.from) {
		return
	}
	if l.others == nil {
		l.others = &[]sight{{network, at}}
		return
	}
	others := *l.others
	for i := range others {
		if others[i].network == network {
			others[i].at = max(others[i].at, at)
			return
		}
	}
	if len(others) < mostNetworks-1 {
		*l.others = append(others, sight{network, at})
	}
}

// news is a last use, with the networks since the one before: those of its own
// minute, and others with when they were seen. Where a key was used from at the
// same time is worth a word; where it was hours ago is not.
type news struct {
	at       time.Time
	from     netip.Addr
	networks []netip.Addr
	earlier  []sight
}

// news answers the last use when it is to be told: the first, and then one a
// minute.
func (l *lastUse) news() (n news, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == 0 || l.told != 0 && l.at-l.told < int64(time.Minute) {
		return news{}, false
	}
	return l.tell(), true
}

// rest answers what has not been told, however short ago the last word was.
func (l *lastUse) rest() (n news, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at <= l.told {
		return news{}, false
	}
	return l.tell(), true
}

// tell wants the lock.
func (l *lastUse) tell() news {
	l.told = l.at
	n := news{at: time.Unix(0, l.at), from: l.from}
	last := store.KeyNetworkOf(l.from)
	if last.IsValid() {
		n.networks = []netip.Addr{last}
	}
	if l.others == nil {
		return n
	}
	for _, s := range *l.others {
		switch {
		case s.network == last:
		case l.at-s.at < int64(time.Minute):
			n.networks = append(n.networks, s.network)
		default:
			n.earlier = append(n.earlier, s)
		}
	}
	l.others = nil
	return n
}
