package redis

import (
	"errors"
	"slices"
	"testing/synctest"
	"time"

	"credence/store"
)

// request is a Find that has begun.
type request struct {
	plane   *plane
	digest  int
	at      instants
	from    instants       // when the read began that it waits for
	read    instants       // before the last read of the feed
	applied store.Position // zero while the plane knows nothing
	head    store.Revision
	sealed  store.Revision // of the newest complete receipt
	counted time.Duration  // since the read that the ceiling is counted from
	first   bool           // nobody has asked this plane for the digest since it began anew
	away    bool           // the database could not be reached
	before  answered
	lost    map[seen]bool // what the plane may know of stories that were thrown away
	hold    *hold
	answer  chan reply
}

type reply struct {
	stamp string // "" for no such key
	err   error
}

// begin starts a Find; it runs to its end by itself, or to the hold.
func (f *fleet) begin(p *plane, i int, h *hold) *request {
	f.ledger.mu.Lock()
	r := &request{
		plane: p, digest: i, at: p.clock.read(), from: p.clock.read(), read: p.lastRead, applied: p.follower.Applied(),
		head: f.ledger.now.head().Revision, sealed: f.sealed, first: p.asked[i] != p.loads || p.loads == 0,
		away: p.away() != nil, before: p.answered[i], lost: p.lost, hold: h, answer: make(chan reply, 1),
	}
	p.asked[i] = p.loads
	if p.finds[i] = h; h == nil {
		delete(p.finds, i)
	}
	f.ledger.mu.Unlock()
	// A read counts only if the replica could report within a minute before.
	now, last := p.clock.Now(), p.follower.LastRead()
	r.counted = max(now.Sub(last), now.Round(0).Sub(last.Round(0)))
	go func() {
		k, _, err := p.own.Find(f.Context(), digestOf(i))
		switch {
		case err != nil:
			r.answer <- reply{err: err}
		case k == nil:
			r.answer <- reply{}
		case k.Hash != hashOf(i):
			r.answer <- reply{stamp: "another key"}
		default:
			r.answer <- reply{stamp: k.Environment}
		}
	}()
	synctest.Wait()
	return r
}

// done judges a request that has its answer.
func (f *fleet) done(r *request) bool {
	select {
	case got := <-r.answer:
		f.judge(r, got)
		return true
	default:
		return false
	}
}

// judge holds an answer against the promises.
func (f *fleet) judge(r *request, got reply) {
	p, age := r.plane, r.at.since(r.read)
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	if got.err != nil {
		if !errors.Is(got.err, store.ErrUnavailable) {
			f.Fatalf("find: %v", got.err)
		}
		f.mustNotFail(r)
		return
	}
	if age >= fleetCeiling {
		f.Fatalf("answered %+v although the feed was last read %s ago", got, age)
	}
	if r.away && r.first && got.stamp == "" {
		f.Fatalf("with the database gone, a key nobody has asked for is said not to exist")
	}
	if allowed := f.allowed(r, got.stamp); !slices.Contains(allowed, got.stamp) && !r.lost[seen{r.digest, got.stamp}] && !p.lost[seen{r.digest, got.stamp}] {
		f.Fatalf("digest %d: answered %q, applied %+v when it began; true since were %q (newest receipt %d, head %d)",
			r.digest, got.stamp, r.applied, allowed, r.sealed, f.ledger.now.head().Revision)
	}
	f.counts.answers++
	p.asked[r.digest] = p.loads     // it may have been read again after a new beginning
	if got.stamp != "" && !r.away { // within its TTL, then
		p.answered[r.digest] = answered{at: r.from, applied: r.applied, load: p.loads, stamp: got.stamp}
	}
}

// allowed is what may be answered. What was applied when the request began,
// and what a receipt said was applied everywhere, must be known.
func (f *fleet) allowed(r *request, stamp string) []string {
	now := f.ledger.now
	if now.holds(r.applied) {
		since := max(r.applied.Revision, r.sealed)
		if r.first && stamp == "" {
			since = max(since, r.head) // a key that was made is accepted at once
		}
		return now.between(r.digest, since)
	}
	// It stands in a story that was thrown away and has not noticed yet. What
	// it has to look up it finds in the present one.
	var all []string
	for _, s := range f.ledger.past {
		if s.holds(r.applied) {
			all = append(all, s.between(r.digest, r.applied.Revision)...)
		}
	}
	return append(all, now.between(r.digest, f.restored)...)
}

// mustNotFail complains of an error where the key was known and the feed has
// been read within the ceiling. The caller holds the ledger's mutex.
func (f *fleet) mustNotFail(r *request) {
	known := r.before
	switch {
	case f.size < digests, known.stamp == "", known.load != r.plane.loads, known.applied != r.applied: // may have been dropped
	case r.hold != nil, r.plane.clock.read() != r.at: // much may have happened meanwhile
	case slices.Contains(f.ledger.now.between(r.digest, r.applied.Revision), ""): // purged, and a read ahead of time knows
	case r.counted >= fleetCeiling || r.at.since(known.at) >= fleetCeiling: // has to end
	case r.applied == (store.Position{}) || r.applied != r.plane.follower.Applied():
	default:
		f.Fatalf("digest %d: no answer, although the key was answered %s ago and the feed was read %s ago", r.digest, r.at.since(known.at), r.counted)
	}
	if r.away {
		f.counts.refused++
	}
}
