package pipeline

import (
	"sync/atomic"
	"unsafe"

	"credence/extauthz/prefetch"
	"credence/store/credential"
)

// Nearer are Keys that can say early which memory they will look at. Package
// extauthz/cache fulfils it.
type Nearer interface {
	// Near has the processor fetch what Cached will look at of the digests,
	// and puts what most likely are their keys into keys, nil where there is
	// none. Nothing is decided by them, and they are not looked at yet.
	Near(digests []*credential.Digest, keys []*Key)
}

// ahead is what can be said of a request before it is decided on: it depends
// on nothing but the request.
type ahead struct {
	looked     bool
	wellFormed bool // the one credential; false without one
	found      finding
	digest     credential.Digest // of what is well formed
}

// taken reports whether there is something, which is good for one decision.
func (a *ahead) taken() bool {
	looked := a.looked
	a.looked = false
	return looked
}

// MostAhead is how many requests a [Batch] holds: as many as a transport has
// answered together (extauthz/unary). Those beyond it are not prepared, and
// decided on all the same.
const MostAhead = 32

// Batch are requests that are decided on soon, one after the other. The zero
// Batch is empty.
type Batch struct {
	n        int
	requests [MostAhead]*Request

	known   int
	digests [MostAhead]*credential.Digest
	keys    [MostAhead]*Key
}

// Add adds a request, unless the batch is full.
func (b *Batch) Add(r *Request) {
	if b.n < MostAhead {
		b.requests[b.n] = r
		b.n++
	}
}

// Keys are what most likely are the keys of the requests; some may be nil.
func (b *Batch) Keys() []*Key { return b.keys[:b.known] }

// Reset empties the batch.
func (b *Batch) Reset() { *b = Batch{} }

// Ahead prepares decisions: it finds the credential and its digest in each
// request, and has the processor fetch the memory that deciding will look at,
// level by level, so that what several requests need comes at the same time and
// nobody waits for it (package prefetch). A request must not change until it is
// decided on. What Ahead finds in it is what Decide would; no stage is ahead of
// its time.
func (p *Pipeline) Ahead(b *Batch) {
	b.known = 0
	for _, r := range b.requests[:b.n] {
		if r.Malformed || !r.HTTP {
			continue
		}
		a := &r.ahead
		*a = ahead{looked: true, found: p.find(r)}
		if a.wellFormed = a.found.one() && credential.WellFormed(a.found.text); a.wellFormed {
			a.digest = credential.DigestOf(a.found.text)
			b.digests[b.known] = &a.digest
			b.known++
		}
	}
	if p.nearer == nil {
		return
	}
	p.nearer.Near(b.digests[:b.known], b.keys[:b.known])
	b.follow()
}

// follow has what the keys point to fetched.
func (b *Batch) follow() {
	var texts [MostAhead]*byte
	var seats [2 * MostAhead]*byte
	n, longest, seated := 0, 0, 0
	for _, k := range b.Keys() {
		if k == nil {
			continue
		}
		texts[n] = unsafe.StringData(k.encoded) //nolint:gosec // G103: nobody looks at it here
		longest = max(longest, len(k.encoded))
		n++
		for i := range k.Limits[:min(len(k.Limits), 2)] {
			seats[seated] = (*byte)(atomic.LoadPointer(&k.Limits[i].seat))
			seated++
		}
	}
	prefetch.Each(texts[:n], uintptr(min(longest, mostText)))
	prefetch.Each(seats[:seated], 1)
}

// mostText is how much of what is encoded is fetched.
const mostText = 512
