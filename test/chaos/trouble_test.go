package chaos

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	quiet   = 3 * time.Second    // the longest a part is left alone
	unrest  = 2 * time.Second    // the longest that most troubles last
	outlast = 2*ceiling + unrest // the longest that a line is cut
)

// troubles lets everything that can fail do so until the calm.
func (w *world) troubles(seed uint64) {
	for i, s := range w.seats {
		w.unrest.Go(func() { w.process(s, random(seed, uint64(10+i))) })
		w.unrest.Go(func() { w.line(s, random(seed, uint64(20+i))) })
	}
	w.unrest.Go(func() { w.database(random(seed, 30)) })
	if w.redis != nil {
		w.unrest.Go(func() { w.shared(random(seed, 31)) })
	}
}

// each has one trouble after the other until the calm.
func (w *world) each(random *rand.Rand, trouble func()) {
	for {
		pause(w.calm, random, quiet)
		if w.calm.Err() != nil || w.Failed() {
			return
		}
		w.counts.troubles.Add(1)
		trouble()
	}
}

// process kills, stops or freezes the process in a seat. Whatever happens, one
// runs there in the end.
func (w *world) process(s *seat, random *rand.Rand) {
	w.each(random, func() {
		_, cut := s.now()
		switch kind := random.IntN(4); {
		case kind == 0 && cut.IsZero():
			w.vacate(s, true)
		case kind == 1 && cut.IsZero():
			w.vacate(s, false)
		default: // who is cut off stays, to meet its ceiling
			w.freeze(s, random)
			return
		}
		pause(w.calm, random, unrest)
		w.comeBack(s)
	})
	w.comeBack(s)
}

// comeBack starts a process where there is none. While the database cannot be
// reached none can: it says so and ends, and is started again.
func (w *world) comeBack(s *seat) {
	for w.ctx.Err() == nil {
		if t, _ := s.now(); t != nil {
			return
		}
		free := w.calm.Err() != nil && w.mended()
		if err := w.occupy(s); err != nil && free && w.ctx.Err() == nil {
			w.Errorf("a replica does not start although nothing is in its way: %v", err)
			return
		}
	}
}

// mended reports whether every trouble has ended that keeps a replica from
// starting.
func (w *world) mended() bool {
	for _, s := range w.seats {
		if _, cut := s.now(); !cut.IsZero() {
			return false
		}
	}
	return w.ctx.Err() == nil && w.server.Exec(w.ctx, "SELECT 1") == nil
}

func (w *world) freeze(s *seat, random *rand.Rand) {
	t, _ := s.now()
	if t == nil {
		return
	}
	if err := t.process.Freeze(w.ctx); err != nil {
		w.Errorf("freeze: %v", err)
		return
	}
	pause(w.calm, random, 2*unrest)
	if err := t.process.Thaw(); err != nil {
		w.Errorf("thaw: %v", err)
	}
}

// line cuts, holds up or slows a replica's line to the database.
func (w *world) line(s *seat, random *rand.Rand) {
	w.each(random, func() {
		lasts := unrest
		if random.IntN(4) == 0 {
			lasts = outlast
		}
		switch random.IntN(3) {
		case 0:
			s.line.Cut()
			s.setCut(time.Now())
		case 1:
			s.line.Hold()
			// What was on its way may arrive until the line is held.
			s.setCut(time.Now())
		default:
			s.line.Slow(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		pause(w.calm, random, lasts)
		s.setCut(time.Time{})
		s.line.Mend()
	})
}

// database restarts, crashes or freezes PostgreSQL.
func (w *world) database(random *rand.Rand) {
	w.each(random, func() {
		pause(w.calm, random, 2*quiet) // not as often as the others
		begin, end := w.server.Halt, func() error { return w.server.Launch(w.ctx) }
		switch random.IntN(3) {
		case 0:
			begin = w.server.Crash
		case 1:
			begin, end = w.server.Pause, w.server.Resume
		}
		w.turn("PostgreSQL", begin, end, random)
	})
}

// shared restarts Redis, which comes back empty, or freezes it.
func (w *world) shared(random *rand.Rand) {
	w.each(random, func() {
		begin, end := w.redis.Kill, func() error { return w.redis.Launch(w.ctx) }
		if random.IntN(2) == 0 {
			begin, end = w.redis.Freeze, w.redis.Thaw
		}
		w.turn("Redis", begin, end, random)
	})
}

func (w *world) turn(what string, begin, end func() error, random *rand.Rand) {
	if err := begin(); err != nil {
		w.Errorf("%s: trouble: %v", what, err)
		return
	}
	pause(w.calm, random, unrest)
	// Also when the run ends: whoever stops the server finds it running.
	if err := end(); err != nil && context.Cause(w.ctx) == nil {
		w.Errorf("%s: end of trouble: %v", what, err)
	}
}
