package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"credence/store"
)

// turns bounds the batches of one delivery, so that counters are drained while
// much waits.
const turns = 32

// counts are what a Counter did since the start.
type counts struct {
	other                                    atomic.Int64
	batches, failures, refused, refusedCheck atomic.Int64
	folded, spilled, dropped                 atomic.Int64
	waiting                                  atomic.Int64
	behind                                   atomic.Int64 // Unix nanoseconds of when nothing waited; 0 when nothing does
}

// Run delivers at once, to tell that this replica counts, and then every
// second until ctx ends; it answers nil. [Counter.Close] has to follow.
func (c *Counter) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.o.Every)
	defer ticker.Stop()
	for {
		c.deliver(ctx, false)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Close delivers what is left and signs off. Nothing that is counted later
// arrives. The error means that ctx ended before the sink had taken all: the
// rest is lost, and the store will record that as a gap.
func (c *Counter) Close(ctx context.Context) error {
	for {
		if c.deliver(ctx, true) {
			return nil
		}
		timer := time.NewTimer(c.o.Every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("usage: not everything was delivered: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

// deliver drains the counters and delivers what waits, the sign-off last. It
// reports whether nothing is left to deliver.
func (c *Counter) deliver(ctx context.Context, final bool) (done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.note()
	c.drain(c.o.Now())
	for range turns {
		if c.flight == nil {
			if c.flight = c.cut(final); c.flight == nil {
				return true
			}
		}
		if !c.ship(ctx) {
			return false
		}
		last := c.flight.Final
		c.flight = nil
		if last {
			return true
		}
	}
	return false
}

// cut makes the next batch; nil when there is nothing to tell.
func (c *Counter) cut(final bool) *store.UsageBatch {
	if final {
		c.waiting.ripen()
	}
	due := c.sequence == 0 || c.o.Now().Sub(c.delivered) >= heartbeat
	if c.waiting.empty() && !due && !final {
		return nil
	}
	c.sequence++
	b := &store.UsageBatch{Replica: c.o.Replica, Sequence: c.sequence, Started: c.started.UTC()}
	c.waiting.cut(b)
	if final { // what came while agents were being told
		c.waiting.ripen()
	}
	if at := c.waiting.oldest(c.drained); at.After(c.told) {
		c.told = at
	}
	b.At, b.Final = c.told.UTC(), final && c.waiting.empty()
	return b
}

// ship delivers the batch in flight; false means that it has to be delivered
// again.
func (c *Counter) ship(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	err := c.o.Sink.AddUsage(bounded, *c.flight)
	switch {
	case err == nil:
		c.counts.batches.Add(1)
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrConflict):
		// Never any better; what comes after it must not wait for ever.
		c.counts.refused.Add(1)
		for i := range c.flight.Keys {
			c.counts.refusedCheck.Add(c.flight.Keys[i].Checks)
		}
		c.o.Logger.ErrorContext(ctx, "usage was refused and is dropped", slog.Int64("sequence", c.flight.Sequence), slog.Any("error", err))
	default:
		c.counts.failures.Add(1)
		if !c.away && ctx.Err() == nil {
			c.away = true
			c.o.Logger.WarnContext(ctx, "usage cannot be delivered, keeping it", slog.Any("error", err))
		}
		return false
	}
	if c.away {
		c.away = false
		c.o.Logger.InfoContext(ctx, "usage is delivered again")
	}
	c.delivered = c.o.Now()
	return true
}

// drain moves what was counted to what waits.
func (c *Counter) drain(now time.Time) {
	minute := minuteOf(now)
	for _, e := range c.graves { // who was adding when it was retired has added by now
		c.take(e, minute, (*tally).drained)
	}
	c.graves = c.graves[:0]
	for e := c.dirty.Swap(nil); e != nil; {
		next := e.after
		e.after = nil        // what is remembered beside a key would keep it, and all after it
		e.dirty.Store(false) // first: who counts from here on marks it again
		if c.take(e, minute, (*tally).drain) {
			e.busy = uint32(now.Unix()) // until 2106
		}
		if e.agents.Load().past(hourOf(now)) {
			c.bury(&entry{keyID: e.keyID}, e.agents.Swap(nil), minute)
		}
		if n, is := e.last.news(); is {
			c.waiting.use(e.keyID, n)
		}
		e = next
	}
	if now.Sub(c.swept).Abs() >= idleFor/3 {
		c.sweep(now, minute)
	}
	c.drainFailing(minute, c.waiting.fail)
	if now.Sub(c.ripened).Abs() >= agentsEvery {
		c.ripened = now
		c.waiting.ripen()
	}
	c.drained = now
	c.waiting.bound()
}

// sweep takes counters away that have met nothing for a while.
func (c *Counter) sweep(now time.Time, minute int64) {
	c.swept = now
	c.keys.Range(func(_ string, e *entry) bool {
		switch {
		case e.busy == 0:
			e.busy = uint32(now.Unix()) // until 2106
		case now.Unix()-int64(e.busy) > int64(idleFor/time.Second):
			c.retire(e, minute)
		}
		return true
	})
}

// take drains all slots of an entry, and reports whether there was anything.
func (c *Counter) take(e *entry, minute int64, drain func(*tally) int64) (found bool) {
	for s := e.slots.Load(); s != nil; s = s.next {
		if s.retired {
			continue
		}
		for i := range s.lanes {
			if t := s.lanes[i].take(drain); !t.empty() {
				c.waiting.add(minuteOfLane(minute, i), rowKey{e.keyID, s.met()}, &t)
				found = true
			}
		}
	}
	for a := e.agents.Load(); a != nil; a = a.next {
		if s := a.take(drain); s != (agentSum{}) {
			c.waiting.addAgent(agentRow{e.keyID, a.hour, a.family}, s)
			found = true
		}
	}
	return found
}

// retire takes an entry away: first from the map, so that who finds it retired
// finds a new one next, then from those who hold it.
func (c *Counter) retire(e *entry, minute int64) {
	c.keys.Delete(e.keyID)
	head := e.slots.Swap(c.end)
	grave := &entry{keyID: e.keyID}
	grave.slots.Store(head)
	c.bury(grave, e.agents.Swap(c.gone), minute)
	for s := head; s != nil; s = s.next {
		c.slots.Add(-1)
	}
	if n, is := e.last.rest(); is {
		c.waiting.use(e.keyID, n)
	}
}

// bury takes counters away for good: slots that are in the grave, and agents.
func (c *Counter) bury(grave *entry, agents *agent, minute int64) {
	grave.agents.Store(agents)
	c.take(grave, minute, (*tally).retire)
	c.graves = append(c.graves, grave)
}

// note keeps the numbers for the metrics.
func (c *Counter) note() {
	c.counts.folded.Store(c.waiting.folded)
	c.counts.spilled.Store(c.waiting.spilled)
	c.counts.dropped.Store(c.waiting.dropped)
	c.counts.waiting.Store(int64(c.waiting.size))
	behind := int64(0)
	if c.flight == nil && c.waiting.empty() {
		c.complete = c.drained
	} else {
		behind = c.complete.UnixNano()
	}
	c.counts.behind.Store(behind)
}

// Stats are numbers of a Counter; all but the first three since the start.
type Stats struct {
	Counters int           // of keys, one for each key and reason
	Waiting  int           // rows that wait to be delivered, without those of the batch that is
	Lag      time.Duration // since there was last nothing to deliver; 0 when there is nothing

	Batches  int64 // that the sink took
	Failures int64 // deliveries that failed, and are repeated
	Refused  int64 // batches that the sink refused for good
	Dropped  int64 // Checks that were in these
	Folded   int64 // rows that were summed with another minute's
	Other    int64 // Checks that were counted without their key
	Lighter  int64 // refusals whose address was dropped
}

// Stats answers the numbers.
func (c *Counter) Stats() Stats {
	s := Stats{
		Counters: int(c.slots.Load()), Waiting: int(c.counts.waiting.Load()), Batches: c.counts.batches.Load(),
		Failures: c.counts.failures.Load(), Refused: c.counts.refused.Load(), Dropped: c.counts.refusedCheck.Load(),
		Folded: c.counts.folded.Load(), Other: c.counts.other.Load() + c.counts.spilled.Load(), Lighter: c.counts.dropped.Load(),
	}
	if behind := c.counts.behind.Load(); behind != 0 {
		s.Lag = max(0, c.o.Now().Sub(time.Unix(0, behind)))
	}
	return s
}
