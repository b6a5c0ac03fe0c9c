package cache

import (
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"credence/store/credential"
)

// place is where something stands in a ring.
type place struct {
	digest credential.Digest
	slot   int32
	used   atomic.Bool // since the hand last came by
}

func (p *place) at() *place { return p }

// touch keeps the entry from being evicted this turn. It reads before it
// writes, so that an entry in use is no contended memory.
func (p *place) touch() {
	if !p.used.Load() {
		p.used.Store(true)
	}
}

type placed interface {
	comparable
	at() *place
}

// ring is a bounded map with CLOCK eviction. get is lock-free; whoever calls
// the rest holds the cache's mutex.
type ring[E placed] struct {
	byDigest *xsync.Map[credential.Digest, E]
	slots    []E
	hand     int
	most     int
}

func newRing[E placed](most int) *ring[E] {
	return &ring[E]{byDigest: xsync.NewMap[credential.Digest, E](), most: most}
}

func (r *ring[E]) get(digest credential.Digest) (E, bool) { return r.byDigest.Load(digest) }

func (r *ring[E]) size() int { return r.byDigest.Size() }

// room is how many can be added before anything has to be removed.
func (r *ring[E]) room() int { return r.most - len(r.slots) }

// full answers what has to be removed before something can be added.
func (r *ring[E]) full() (victim E, full bool) {
	if len(r.slots) < r.most {
		return victim, false
	}
	// At most two turns: the first one clears every mark.
	for {
		r.hand = (r.hand + 1) % len(r.slots)
		if !r.slots[r.hand].at().used.Swap(false) {
			return r.slots[r.hand], true
		}
	}
}

// add inserts what is not in the ring yet; there is room.
func (r *ring[E]) add(e E) {
	e.at().slot = int32(len(r.slots))
	r.slots = append(r.slots, e)
	r.byDigest.Store(e.at().digest, e)
}

// remove takes out what is in the ring; the last slot takes its place.
func (r *ring[E]) remove(e E) {
	r.byDigest.Delete(e.at().digest)
	i, last := e.at().slot, int32(len(r.slots)-1)
	r.slots[i] = r.slots[last]
	r.slots[i].at().slot = i
	var none E
	r.slots[last] = none // so that it can be collected
	r.slots = r.slots[:last]
}

// clear takes everything out.
func (r *ring[E]) clear() {
	r.byDigest.Clear()
	clear(r.slots)
	r.slots, r.hand = r.slots[:0], 0
}
