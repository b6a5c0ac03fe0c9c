package redis

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"credence/store"
)

func (f *fleet) trouble(t *rapid.T) {
	troubles := map[string]func(*rapid.T){
		"feed fails": f.feedFails, "feed repeats": f.feedRepeats, "line or database": f.lineOrDatabase, "prune": f.prune,
		"back up": f.backUp, "restore": f.restore, "restart": f.restart, "clock jumps": f.clockJumps,
	}
	troubles[rapid.SampledFrom(slices.Sorted(maps.Keys(troubles))).Draw(t, "trouble")](t)
}

func (f *fleet) feedFails(t *rapid.T) {
	p := f.anyPlane()
	fault := rapid.SampledFrom([]error{store.ErrUnavailable, store.ErrFeedGap}).Draw(t, "fault")
	f.locked(func() { p.fault = fault })
	p.push()
}

// feedRepeats has an old answer arrive instead of the new one.
func (f *fleet) feedRepeats(*rapid.T) {
	p := f.anyPlane()
	f.locked(func() { p.repeat = true })
	p.push()
}

func (f *fleet) lineOrDatabase(t *rapid.T) {
	p, all, gone := f.anyPlane(), rapid.Bool().Draw(t, "all"), rapid.Bool().Draw(t, "gone")
	f.locked(func() {
		if all {
			f.ledger.gone = gone
		} else {
			p.cut = gone
		}
	})
}

func (f *fleet) prune(t *rapid.T) {
	keep := rapid.IntRange(0, 3).Draw(t, "changes that stay")
	f.locked(func() { f.ledger.prune(keep) })
}

func (f *fleet) backUp(*rapid.T) { f.locked(func() { f.ledger.backup = f.ledger.now.clone() }) }

// restore goes back to the backup. A replica that stands within it cannot see
// that there was another story after; what it has read of that itself stays
// until its TTL. What others have read must not come in addition.
//
// A database is restored while it stands still, so what was asked of it has
// been answered, and written to Redis, before.
func (f *fleet) restore(*rapid.T) {
	if f.ledger.backup == nil {
		return
	}
	for _, p := range f.planes {
		f.letAll(p)
	}
	f.locked(func() {
		for _, p := range f.planes {
			since := f.restored // when it stands in an even older story
			if applied := p.follower.Applied(); f.ledger.now.holds(applied) {
				since = applied.Revision
			}
			for what := range p.read {
				if slices.Contains(f.ledger.now.between(what.digest, since), what.stamp) {
					p.lost[what] = true
				}
			}
		}
		f.ledger.restore()
		f.restored = f.ledger.now.head().Revision
		f.sealed = min(f.sealed, f.restored)
	})
}

// restart ends a process, as an operator or as a crash does, and starts
// another on its machine.
func (f *fleet) restart(t *rapid.T) {
	i := rapid.IntRange(0, len(f.planes)-1).Draw(t, "replica")
	old := f.planes[i]
	f.note(old)
	old.stop(rapid.Bool().Draw(t, "crash"))
	f.planes[i] = f.startPlane(old.clock)
	if rapid.Bool().Draw(t, "hold what it is warmed with") {
		// Taken before the feed begins anew once more, and warming with it.
		p := f.planes[i]
		f.locked(func() { p.warm, p.fault = p.newHold(), store.ErrFeedGap })
		p.push()
	}
}

// clockJumps sets a wall clock, or has the machine sleep.
func (f *fleet) clockJumps(t *rapid.T) {
	p := f.anyPlane()
	if rapid.Bool().Draw(t, "sleep") {
		slept := time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second
		f.time += slept
		for _, other := range f.planes {
			if other != p {
				other.clock.advance(slept, slept)
			}
		}
		p.clock.advance(0, slept)
		return
	}
	skew := time.Duration(rapid.SampledFrom([]int{0, -30, 30, -20, 10, -3600, 3600}).Draw(t, "apart")) * time.Second
	// By how far it is apart from the true time, wherever it was.
	p.clock.advance(0, f.time+skew-p.clock.read().wall)
	if skew.Abs() > store.MaxClockSkew {
		f.clocks = false // from here on receipts mean nothing
	}
}

func (f *fleet) timePasses(t *rapid.T) {
	d := time.Duration(rapid.SampledFrom([]int{1, 3, 6, 12, 20, 45, 90}).Draw(t, "seconds")) * time.Second
	f.time += d
	for _, p := range f.planes {
		p.clock.advance(d, d)
	}
}

// receipt asks, as the control plane does, whether everybody who may still
// decide has applied everything.
func (f *fleet) receipt(*rapid.T) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	head, now := f.ledger.now.head(), f.base.Round(0).Add(f.time)
	if !f.clocks || f.ledger.gone || f.sealed == head.Revision {
		return
	}
	for _, row := range f.ledger.rows {
		// A lower position is not there yet; another of this revision, or a
		// higher one, is one of a story that is no more.
		if row.LeftAt.IsZero() && now.Before(row.StopsBy()) && row.Applied != head {
			return // partial
		}
	}
	f.sealed = head.Revision
	f.counts.receipts++
}

// attack does what a hostile Redis can.
func (f *fleet) attack(t *rapid.T) {
	r := f.redis
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.log) == 0 {
		return
	}
	anyOf := func(what string) sealedEntry { return r.log[rapid.IntRange(0, len(r.log)-1).Draw(t, what)] }
	old := anyOf("entry")
	switch rapid.SampledFrom([]string{"replay", "replay all", "move", "change", "forget"}).Draw(t, "attack") {
	case "replay":
		r.now[old.name] = old.sealed
	case "replay all":
		for _, entry := range slices.Backward(r.log) {
			r.now[entry.name] = entry.sealed
		}
	case "move":
		r.now[anyOf("place").name] = old.sealed
	case "change":
		changed := slices.Clone(old.sealed)
		changed[rapid.IntRange(0, len(changed)-1).Draw(t, "byte")] ^= 1
		r.now[old.name] = changed
	case "forget":
		clear(r.now)
	}
}
