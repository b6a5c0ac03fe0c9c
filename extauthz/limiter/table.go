package limiter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
)

const (
	// sweptPerInsert slots are looked at whenever something is inserted, so
	// that the idle leave faster than others come.
	sweptPerInsert = 4
	// evictionSample slots are compared when something has to go for room.
	evictionSample = 16
)

// member is something counted that can be forgotten.
type member interface {
	// worth is what forgetting it at the instant would lose; 0 is nothing.
	worth(at int64) int64
	// retire makes it unusable for good, unless it is worth more than atMost.
	retire(at, atMost int64) bool
}

// table is a bounded map of members. Reading is lock-free and does not
// allocate. Members come and go under a mutex: one that finds a retired member
// calls insert, which waits until that member has left.
type table[K comparable, M member] struct {
	members *xsync.Map[K, M]
	most    int
	rest    int64 // how long members stay that are worth nothing, while there is room

	evictions atomic.Int64 // members of some worth that went for room

	mu    sync.Mutex
	slots []slot[K, M]
	hand  int // the slot that is looked at next
}

type slot[K comparable, M member] struct {
	key    K
	member M
}

func newTable[K comparable, M member](most int, rest time.Duration) *table[K, M] {
	return &table[K, M]{members: xsync.NewMap[K, M](), most: most, rest: int64(rest)}
}

func (t *table[K, M]) get(key K) (M, bool) { return t.members.Load(key) }

func (t *table[K, M]) size() int { return t.members.Size() }

// insert answers the member of the key: the one that is there, or fresh. What
// went to make room is answered too, when it was worth something.
func (t *table[K, M]) insert(key K, fresh M, at int64) (found M, evicted M, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.members.Load(key); ok {
		return m, evicted, false
	}
	t.sweep(at)
	if len(t.slots) >= t.most {
		evicted, lost = t.evict(at)
	}
	t.slots = append(t.slots, slot[K, M]{key, fresh})
	t.members.Store(key, fresh)
	return fresh, evicted, lost
}

// exclusively runs do while no member comes or goes.
func (t *table[K, M]) exclusively(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
}

// sweep forgets what is idle in the next few slots.
func (t *table[K, M]) sweep(at int64) {
	if len(t.slots) < t.most-t.most/8 {
		at -= t.rest // and was so by then already
	}
	for range min(sweptPerInsert, len(t.slots)) {
		t.hand %= len(t.slots)
		if t.slots[t.hand].member.retire(at, 0) {
			t.leave(t.hand) // another slot moves here and is looked at next
		} else {
			t.hand++
		}
		if len(t.slots) == 0 {
			return
		}
	}
}

// evict forgets the least worthy of a sample.
func (t *table[K, M]) evict(at int64) (evicted M, lost bool) {
	for {
		least, leastWorth := -1, int64(0)
		for range min(evictionSample, len(t.slots)) {
			t.hand = (t.hand + 1) % len(t.slots)
			if w := t.slots[t.hand].member.worth(at); least < 0 || w < leastWorth {
				least, leastWorth = t.hand, w
			}
			if leastWorth == 0 {
				break
			}
		}
		evicted = t.slots[least].member
		if !evicted.retire(at, leastWorth) {
			continue // it was used in this moment; look again
		}
		t.leave(least)
		if leastWorth > 0 {
			t.evictions.Add(1)
		}
		return evicted, leastWorth > 0
	}
}

// leave removes a retired member; the last slot takes its place.
func (t *table[K, M]) leave(i int) {
	t.members.Delete(t.slots[i].key)
	last := len(t.slots) - 1
	t.slots[i] = t.slots[last]
	t.slots[last] = slot[K, M]{} // so that the member can be collected
	t.slots = t.slots[:last]
}
