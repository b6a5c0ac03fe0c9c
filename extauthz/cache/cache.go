package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"credence/extauthz/pipeline"
	"credence/extauthz/prefetch"
	"credence/store"
	"credence/store/credential"
)

// The errors of Find, beside those of the store and of the caller's context.
// All of them wrap [store.ErrUnavailable].
var (
	// ErrOutOfStep means that the feed has not been read within the ceiling,
	// so that nobody knows what has been revoked.
	ErrOutOfStep = fmt.Errorf("change feed not read within the ceiling: %w", store.ErrUnavailable)
	// ErrBusy means that as many look-ups are at the store as may be.
	ErrBusy = fmt.Errorf("too many key look-ups at once: %w", store.ErrUnavailable)
	// ErrUnsettled means that the key changed each time it was read.
	ErrUnsettled = fmt.Errorf("key kept changing while it was read: %w", store.ErrUnavailable)
)

const (
	// refreshPause is the least time between two tries to read an entry again.
	refreshPause = time.Second
	// waitingPerLookup bounds the look-ups that wait for each one at the store.
	waitingPerLookup = 16
)

// Cache is the key cache of one replica. It is safe for concurrent use.
type Cache struct {
	options Options
	counts  counts

	started  time.Time
	caughtUp atomic.Pointer[instant] // nil: not in step with the feed
	away     atomic.Pointer[instant] // the store's last failure; nil since it last answered
	loaded   chan struct{}           // holds a value when the feed has begun anew
	warmed   chan struct{}
	warmOnce sync.Once
	lookups  chan struct{} // holds a value for each look-up at the store
	refresh  chan *entry   // entries in use that near the end of their TTL

	known  *ring[entry, *entry]     // written under mu
	absent *ring[absence, *absence] // written under mu

	mu      sync.Mutex // shared by fills and the follower; never taken by Cached
	byKeyID map[string]*entry
	byHash  map[credential.Hash]*absence // all candidates of the absent digests
	recent  recent
	flights map[credential.Digest]*flight
	closed  bool
	running sync.WaitGroup // look-ups in flight
}

// entry is a key that was found. Only its marks change.
type entry struct {
	place
	asked    atomic.Int64   // age in nanoseconds when that was last asked for
	readAt   instant        // before it was read
	revision store.Revision // applied before it was read

	// Here, and not elsewhere: a Check of one key in a million waits for each
	// place in memory that it has to find first.
	key    pipeline.Key
	limits [2]pipeline.SubjectLimit // those of the key, if they are no more
}

// newEntry is an entry with a copy of the key, which nobody else knows.
func newEntry(digest credential.Digest, key *pipeline.Key, revision store.Revision, readAt instant) *entry {
	e := &entry{place: place{digest: digest}, key: *key, revision: revision, readAt: readAt}
	if n := len(key.Limits); n > 0 && n <= len(e.limits) {
		copy(e.limits[:], key.Limits)
		e.key.Limits = e.limits[:n:n]
	}
	return e
}

// absence is a digest that the store did not know.
type absence struct {
	place
	hashes   []credential.Hash
	revision store.Revision
	readAt   instant
}

// New makes an empty Cache. It answers nothing before [Cache.CaughtUp] has
// told it that it is in step with the feed.
func New(o Options) (*Cache, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Cache{
		options: o,
		started: o.Now(),
		counts:  newCounts(),
		loaded:  make(chan struct{}, 1),
		warmed:  make(chan struct{}),
		lookups: make(chan struct{}, o.Lookups),
		refresh: make(chan *entry, 4*o.Lookups),
		known:   newRing[entry](o.Size),
		absent:  newRing[absence](o.NegativeSize),
		byKeyID: make(map[string]*entry),
		byHash:  make(map[credential.Hash]*absence),
		recent:  newRecent(o.RecentChanges),
		flights: make(map[credential.Digest]*flight),
	}
	return c, nil
}

// Cached answers the positive entry of the digest, nil when there is none that
// may be used. It does no I/O, waits for nobody and does not allocate.
func (c *Cache) Cached(digest credential.Digest) *pipeline.Key {
	e := c.known.get(&digest)
	if e == nil {
		return nil
	}
	now := c.now()
	if !c.inStep(now) {
		return nil
	}
	age := elapsed(e.readAt, now)
	if age >= c.refreshAge(&digest) {
		c.askRefresh(e, age)
		if age >= c.options.TTL {
			return c.stretched(e, age, now)
		}
	}
	e.touch()
	c.counts.hits.Inc()
	return &e.key
}

// Near has the processor fetch what Cached will look at of the digests, and puts
// into keys what most likely are their keys, without looking at them, for what
// they point to; nil where there is none. Nobody may decide anything by them: a
// key may be another's, or not be used any more. keys is as long as digests.
func (c *Cache) Near(digests []*credential.Digest, keys []*pipeline.Key) {
	var room [mostNear]*entry
	clear(keys)
	entries := c.known.byDigest.near(digests, room[:])
	prefetch.Each(entries, unsafe.Sizeof(entry{}))
	for i, e := range entries {
		if e != nil {
			keys[i] = &e.key
		}
	}
}

// Find answers the key of the digest, from the cache or the store, and where
// it came from. A nil key without an error means that there is no such key. An
// error means that nobody knows.
func (c *Cache) Find(ctx context.Context, digest credential.Digest) (*pipeline.Key, pipeline.KeySource, error) {
	if key := c.Cached(digest); key != nil {
		return key, pipeline.KeySourceCache, nil
	}
	now := c.now()
	if !c.inStep(now) {
		return nil, pipeline.KeySourceNone, ErrOutOfStep
	}
	if a := c.absent.get(&digest); a != nil && elapsed(a.readAt, now) < c.options.NegativeTTL {
		a.touch()
		c.counts.negativeHits.Add(1)
		return nil, pipeline.KeySourceNegative, nil
	}
	c.counts.misses.Add(1)
	if err := ctx.Err(); err != nil {
		return nil, pipeline.KeySourceNone, context.Cause(ctx)
	}
	return c.await(ctx, digest)
}

// await waits for the shared look-up of the digest: with an entry past its TTL
// at hand only for StaleWait, since that entry is good enough when the store
// cannot be reached.
func (c *Cache) await(ctx context.Context, digest credential.Digest) (*pipeline.Key, pipeline.KeySource, error) {
	pipeline.Waits(ctx)
	f, err := c.join(ctx, digest)
	if err != nil {
		return c.orStale(digest, err)
	}
	var patience <-chan time.Time
	if c.known.get(&digest) != nil {
		timer := time.NewTimer(c.options.StaleWait)
		defer timer.Stop()
		patience = timer.C
	}
	for {
		select {
		case <-f.done:
			if f.err != nil {
				return c.orStale(digest, f.err)
			}
			return f.key, pipeline.KeySourceStore, nil
		case <-ctx.Done():
			return nil, pipeline.KeySourceNone, context.Cause(ctx)
		case <-patience:
			patience = nil
			c.storeFailed()
			if key := c.Cached(digest); key != nil {
				return key, pipeline.KeySourceCache, nil
			}
		}
	}
}

// orStale answers an entry past its TTL where the look-up ended in an error
// that such an entry may stand in for, else the error.
func (c *Cache) orStale(digest credential.Digest, err error) (*pipeline.Key, pipeline.KeySource, error) {
	if e := c.known.get(&digest); e != nil && standIn(err) {
		now := c.now()
		if key := c.stale(e, elapsed(e.readAt, now), now); key != nil {
			return key, pipeline.KeySourceCache, nil
		}
	}
	return nil, pipeline.KeySourceNone, err
}

// stretched answers an entry past its TTL while the store cannot be reached.
func (c *Cache) stretched(e *entry, age time.Duration, now instant) *pipeline.Key {
	// A refresh was asked for, and its answer clears the mark. The mark lasts
	// as long as that can take, so that a store that hangs counts as away.
	failed := c.away.Load()
	if failed == nil || elapsed(*failed, now) >= c.options.LookupTimeout+2*refreshPause {
		return nil // reachable as far as anybody knows: Find asks it
	}
	return c.stale(e, age, now)
}

// stale answers an entry past its TTL, if it was within it when the feed was
// last read, which is at most a ceiling ago.
func (c *Cache) stale(e *entry, age time.Duration, now instant) *pipeline.Key {
	if !c.inStep(now) || age >= c.options.TTL+c.options.Ceiling {
		return nil
	}
	e.touch()
	c.counts.hits.Inc()
	c.counts.staleHits.Add(1)
	return &e.key
}

// inStep reports whether the feed was read within the ceiling.
func (c *Cache) inStep(now instant) bool {
	at := c.caughtUp.Load()
	return at != nil && elapsed(*at, now) < c.options.Ceiling
}

func (c *Cache) storeFailed() {
	now := c.now()
	c.away.Store(&now)
}
