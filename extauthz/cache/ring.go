package cache

import (
	"sync/atomic"

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

// ring is a bounded map with CLOCK eviction. get is lock-free; whoever calls
// the rest holds the cache's mutex.
type ring[T any, P pointer[T]] struct {
	byDigest *index[T, P]
	slots    []P
	hand     int
	most     int
}

func newRing[T any, P pointer[T]](most int) *ring[T, P] {
	return &ring[T, P]{byDigest: newIndex[T, P](most), most: most}
}

// get answers what stands under the digest, nil when nothing does.
func (r *ring[T, P]) get(digest *credential.Digest) P { return r.byDigest.get(digest) }

func (r *ring[T, P]) size() int { return r.byDigest.size() }

// room is how many can be added before anything has to be removed.
func (r *ring[T, P]) room() int { return r.most - len(r.slots) }

// full answers what has to be removed before something can be added.
func (r *ring[T, P]) full() (victim P, full bool) {
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
func (r *ring[T, P]) add(e P) {
	e.at().slot = int32(len(r.slots))
	r.slots = append(r.slots, e)
	r.byDigest.add(e)
}

// remove takes out what is in the ring; the last slot takes its place.
func (r *ring[T, P]) remove(e P) {
	r.byDigest.remove(e)
	i, last := e.at().slot, int32(len(r.slots)-1)
	r.slots[i] = r.slots[last]
	r.slots[i].at().slot = i
	r.slots[last] = nil // so that it can be collected
	r.slots = r.slots[:last]
}

// clear takes everything out.
func (r *ring[T, P]) clear() {
	r.byDigest.clear()
	clear(r.slots)
	r.slots, r.hand = r.slots[:0], 0
}
