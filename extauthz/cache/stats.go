package cache

import (
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"
)

// Stats are counters since the start, and sizes now.
type Stats struct {
	Hits          int64 // answered from a positive entry
	StaleHits     int64 // of Hits: entries past their TTL, with the store away
	NegativeHits  int64 // answered from a negative entry
	Misses        int64 // Find had no entry that it could use
	Shared        int64 // joined a look-up in flight
	Lookups       int64 // queries to the store
	LookupErrors  int64 // of Lookups: ended in an error
	Busy          int64 // look-ups turned away by the bound on look-ups
	RefusedFills  int64 // answers read again because something changed meanwhile
	Evictions     int64 // entries that made room for others
	Invalidations int64 // entries removed because something changed
	Warmed        int64 // entries that were there before anybody asked
	WarmErrors    int64 // times that warming broke off
	Size          int   // positive entries
	NegativeSize  int   // negative entries
	InFlight      int   // look-ups in flight
}

// counts are the counters behind Stats.
type counts struct {
	// hits is striped: every Check of a known key moves it.
	hits *xsync.Counter

	staleHits, negativeHits, misses, shared, lookups, lookupErrors, busy,
	refusedFills, evictions, invalidations, warmed, warmErrors atomic.Int64
}

func newCounts() counts { return counts{hits: xsync.NewCounter()} }

// Stats answers the counters; package extauthz exports them.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	inFlight := len(c.flights)
	c.mu.Unlock()
	return Stats{
		Hits: c.counts.hits.Value(), StaleHits: c.counts.staleHits.Load(),
		NegativeHits: c.counts.negativeHits.Load(), Misses: c.counts.misses.Load(),
		Shared: c.counts.shared.Load(), Lookups: c.counts.lookups.Load(),
		LookupErrors: c.counts.lookupErrors.Load(), Busy: c.counts.busy.Load(),
		RefusedFills: c.counts.refusedFills.Load(), Evictions: c.counts.evictions.Load(),
		Invalidations: c.counts.invalidations.Load(),
		Warmed:        c.counts.warmed.Load(), WarmErrors: c.counts.warmErrors.Load(),
		Size: c.known.size(), NegativeSize: c.absent.size(), InFlight: inFlight,
	}
}
