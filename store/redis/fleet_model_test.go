package redis

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"credence/store"
)

// fleet is several data planes on one database and one hostile Redis.
type fleet struct {
	*rapid.T

	ledger   *ledger
	redis    *sharedEntries
	base     time.Time
	time     time.Duration // the true time, by which receipts are given
	planes   []*plane
	size     int
	started  int
	sealed   store.Revision // head of the feed at the newest complete receipt
	restored store.Revision // head of the backup that was restored last
	clocks   bool           // they are as far apart as they may be, or less
	counts   *met
}

// met tells whether a run has met what it is for.
type met struct {
	answers, kept, refused, receipts, warmed, hits, stale, gaps, ceilings int64
}

// TestNeverAcceptedAfterACompleteReceiptNorAfterTheCeiling drives whole data
// planes (follower, guard of Redis, shared and own cache, warming, reports)
// through everything that can happen to them, and holds each answer against
// what was true:
//
//   - what a replica had applied when a request began, and what a complete
//     receipt says, it knows: no revoked key comes back, and no change is lost;
//   - a key that was made is accepted at once where nobody has asked for it;
//   - nothing is answered when the last read of the feed is a ceiling old, by
//     the wall clock or the monotonic one;
//   - with the database gone known keys are answered until then, and nobody is
//     told that an unknown one does not exist.
//
// It has been seen to fail when the fill rule is left out, or forgets plans,
// restarts or how far back it remembers; when a look-up or warming notes the
// revision after it has read; when Restart or Apply drop nothing; when the
// ceiling is counted from the end of a read, or by one clock alone; when a
// record of Redis is used without the guard, or the guard ignores owners, ids
// or the second position.
//
// Time, database and Redis are the test's; everything between is real. All of
// it runs in a bubble of synctest, so each step ends when nothing moves.
func TestNeverAcceptedAfterACompleteReceiptNorAfterTheCeiling(t *testing.T) {
	var all met
	base := time.Now() // in the bubble times have no monotonic reading
	for range 3 {      // a hundred stories tell too little
		rapid.Check(t, func(t *rapid.T) {
			rapid.SyncTest(t, func(t *rapid.T) {
				f := newFleet(t, base, &all)
				defer f.end()
				for range 4 { // and thirty steps are a short one
					t.Repeat(f.steps())
				}
			})
		})
	}
	t.Logf("%+v", all)
	if all.answers == 0 || all.kept == 0 || all.refused == 0 || all.receipts == 0 || all.warmed == 0 || all.hits == 0 || all.stale == 0 ||
		all.gaps == 0 || all.ceilings == 0 {
		t.Error("something was never met: the test proves less than it says")
	}
}

// steps are what can happen. Named several times: what has to meet often for
// anything to go wrong.
func (f *fleet) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"find": f.find, "find again": f.find, "find once more": f.find, "find and hold": f.findAndHold,
		"let": f.let, "change": f.change, "change again": f.change,
		"push": f.push, "push to all": f.pushAll, "wait": f.wait,
		"hold a read of the feed": f.holdPoll, "receipt": f.receipt, "receipt again": f.receipt,
		"trouble": f.trouble, "attack": f.attack, "time passes": f.timePasses,
	}
}

func newFleet(t *rapid.T, base time.Time, all *met) *fleet {
	f := &fleet{
		T: t, ledger: newLedger(), redis: &sharedEntries{hostile: hostile{now: map[string][]byte{}}}, base: base, counts: all, clocks: true,
		size: rapid.SampledFrom([]int{2, 8}).Draw(t, "size of the caches"),
	}
	for range 3 {
		f.planes = append(f.planes, f.startPlane(&clock{base: base}))
	}
	return f
}

func (f *fleet) ok(err error) {
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) end() {
	for _, p := range f.planes {
		f.note(p)
		p.stop(false)
	}
}

// note counts what a process has met.
func (f *fleet) note(p *plane) {
	s := p.shared.Stats()
	f.counts.hits += s.Hits
	f.counts.stale += s.Stale
	f.counts.warmed += p.own.Stats().Warmed
	f.counts.kept += p.own.Stats().StaleHits
	f.counts.gaps += p.follower.Stats().Restarts
}

func (f *fleet) anyPlane() *plane {
	return f.planes[rapid.IntRange(0, len(f.planes)-1).Draw(f.T, "replica")]
}

func anyDigest(t *rapid.T) int { return rapid.IntRange(0, digests-1).Draw(t, "digest") }

// locked runs a change of the ledger, and lets everybody come to rest.
// A change may draw, and a draw may end the run: it leaves nothing locked.
func (f *fleet) locked(change func()) {
	func() {
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		change()
	}()
	synctest.Wait()
}

func (f *fleet) change(t *rapid.T) {
	i := anyDigest(t)
	what := rapid.SampledFrom([]string{"active", "revoked", "disabled", "active", "purge", "group", "group"}).Draw(t, "to")
	f.locked(func() {
		switch what {
		case "purge":
			f.ledger.purge(i)
		case "group":
			f.ledger.group(rapid.SampledFrom([]store.ChangeKind{
				store.ChangePlan, store.ChangeOwner, store.ChangeNamespace, store.ChangeBlacklist, store.ChangeRoutePolicy,
			}).Draw(t, "kind"))
		default:
			f.ledger.put(i, store.Status(what))
		}
	})
}

// heldAt answers the request of the digest whose read is held; nil if none is.
func heldAt(p *plane, i int) *request {
	for _, r := range p.held {
		if r.digest == i {
			return r
		}
	}
	return nil
}

func (f *fleet) find(t *rapid.T) {
	p, i := f.anyPlane(), anyDigest(t)
	if heldAt(p, i) != nil {
		return // it would wait
	}
	r := f.begin(p, i, nil)
	if r.at.since(r.read) >= fleetCeiling {
		f.counts.ceilings++
	}
	if !f.done(r) {
		f.Fatalf("digest %d: no answer although nothing is held", i)
	}
}

// findAndHold begins a Find whose read of the store is held between the store
// and the cache, if it needs one.
func (f *fleet) findAndHold(t *rapid.T) {
	p, i := f.anyPlane(), anyDigest(t)
	if first := heldAt(p, i); first != nil { // joins, and gets what is as old as the first one's
		r := f.begin(p, i, nil)
		r.from = first.from
		p.held = append(p.held, r)
		return
	}
	f.ledger.mu.Lock()
	h := p.newHold()
	f.ledger.mu.Unlock()
	r := f.begin(p, i, h)
	if !f.done(r) {
		p.held = append(p.held, r)
		return
	}
	f.locked(func() { delete(p.finds, i) })
	h.let()
}

// let lets go everything that is held at a replica.
func (f *fleet) let(*rapid.T) { f.letAll(f.anyPlane()) }

func (f *fleet) letAll(p *plane) {
	for _, h := range p.holding {
		h.let()
	}
	synctest.Wait()
	held := p.held
	p.held = nil
	for _, r := range held {
		if !f.done(r) {
			f.Fatalf("digest %d: no answer although everything was let go", r.digest)
		}
	}
}

// A push that is not sent is lost; one more than needed is repeated.
func (f *fleet) push(*rapid.T) { f.anyPlane().push() }

func (f *fleet) pushAll(*rapid.T) {
	for _, p := range f.planes {
		p.push()
	}
}

// wait lets pauses after errors pass, and reports be made.
func (f *fleet) wait(*rapid.T) {
	<-time.After(2 * time.Second) // of the bubble
	synctest.Wait()
}

// holdPoll has the answer of a read of the feed come late.
func (f *fleet) holdPoll(*rapid.T) {
	p := f.anyPlane()
	f.locked(func() {
		if p.poll == nil {
			p.poll = p.newHold()
		}
	})
	p.push()
}
