package cache

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"credence/extauthz/prefetch"
	"credence/store/credential"
)

// index finds what stands under a digest. Reading takes no lock and writes
// nothing; whoever calls the rest holds the cache's mutex.
//
// It is a table of buckets of a cache line each: a byte of the hash for each of
// six pointers, and where a bucket is full, the next one. It never grows, since
// a ring is bounded, so nothing is ever moved: a reader finds what is in it
// whatever is added and removed meanwhile. And where to look is known before
// anything is read, so that it can be fetched early (near).
//
// Hashes are of a seed of this process: who chooses key texts cannot have many
// of them in one bucket.
type index[T any, P pointer[T]] struct {
	seed    maphash.Seed
	buckets []bucket[T]
	count   atomic.Int64
}

// pointer is what the index holds.
type pointer[T any] interface {
	*T
	at() *place
}

const bucketSize = 6

type bucket[T any] struct {
	tags atomic.Uint64 // byte i is that of here[i]; 0 for none
	here [bucketSize]atomic.Pointer[T]
	next atomic.Pointer[bucket[T]]
}

// newIndex makes an index for at most so many: 1.5 to 3 for each bucket. Those
// that were ever full keep their next one, so that in a cache that evicts most
// have one, in time; it is empty nearly always, and not looked at where the
// first one has what is asked for.
func newIndex[T any, P pointer[T]](most int) *index[T, P] {
	n := 1 << bits.Len(uint(max(most, 1)-1)/3)
	return &index[T, P]{seed: maphash.MakeSeed(), buckets: make([]bucket[T], n)}
}

func (x *index[T, P]) place(digest *credential.Digest) (b *bucket[T], tag uint64) {
	h := maphash.Bytes(x.seed, digest[:])
	return &x.buckets[h&uint64(len(x.buckets)-1)], max(h>>56, 1)
}

// matches has the top bit set of each byte of tags that is the tag. It may be
// set of the byte above one, too.
func matches(tags, tag uint64) uint64 {
	const ones, tops = 0x0000_0101_0101_0101, 0x0000_8080_8080_8080
	differ := tags ^ tag*ones
	return (differ - ones) & ^differ & tops
}

// get answers what stands under the digest.
func (x *index[T, P]) get(digest *credential.Digest) P {
	b, tag := x.place(digest)
	for ; b != nil; b = b.next.Load() {
		for m := matches(b.tags.Load(), tag); m != 0; m &= m - 1 {
			if p := b.here[bits.TrailingZeros64(m)/8].Load(); p != nil && P(p).at().digest == *digest {
				return p
			}
		}
	}
	return nil
}

// near has the buckets of the digests fetched, and answers what most likely
// stands under each, without looking at it: in room, as far as that goes.
func (x *index[T, P]) near(digests []*credential.Digest, room []*T) []*T {
	var buckets [mostNear]*bucket[T]
	var tags [mostNear]uint64
	n := min(len(digests), len(buckets), len(room))
	for i, digest := range digests[:n] {
		buckets[i], tags[i] = x.place(digest)
	}
	prefetch.Each(buckets[:n], unsafe.Sizeof(bucket[T]{}))
	for i := range n {
		b := buckets[i]
		room[i] = nil
		if m := matches(b.tags.Load(), tags[i]); m != 0 {
			room[i] = b.here[bits.TrailingZeros64(m)/8].Load()
		}
	}
	return room[:n]
}

// mostNear is how many are fetched at once.
const mostNear = 64

func (x *index[T, P]) size() int { return int(x.count.Load()) }

// add inserts what is not there yet.
func (x *index[T, P]) add(p P) {
	b, tag := x.place(&p.at().digest)
	for {
		tags := b.tags.Load()
		for i := range bucketSize {
			if shift := 8 * i; tags>>shift&0xff == 0 {
				b.here[i].Store(p)
				b.tags.Store(tags | tag<<shift)
				x.count.Add(1)
				return
			}
		}
		if b.next.Load() == nil {
			b.next.Store(&bucket[T]{})
		}
		b = b.next.Load()
	}
}

// remove takes out what is there.
func (x *index[T, P]) remove(p P) {
	b, _ := x.place(&p.at().digest)
	for ; b != nil; b = b.next.Load() {
		for i := range bucketSize {
			if P(b.here[i].Load()) == p {
				b.here[i].Store(nil)
				b.tags.Store(b.tags.Load() &^ (0xff << (8 * i)))
				x.count.Add(-1)
				return
			}
		}
	}
}

// clear takes everything out.
func (x *index[T, P]) clear() {
	if x.count.Load() == 0 {
		return
	}
	for i := range x.buckets {
		for b := &x.buckets[i]; b != nil; b = b.next.Load() {
			if b.tags.Load() == 0 {
				continue
			}
			for j := range b.here {
				b.here[j].Store(nil)
			}
			b.tags.Store(0)
		}
	}
	x.count.Store(0)
}
