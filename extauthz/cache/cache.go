package cache

import (
	"context"
	"fmt"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// Cache is the key cache of one replica.
type Cache struct {
	options Options
}

// ErrOutOfStep means that the feed has not been read within the ceiling, so
// that nobody knows what has been revoked.
var ErrOutOfStep = fmt.Errorf("change feed not read within the ceiling: %w", store.ErrUnavailable)

// New makes an empty Cache. It answers nothing before it has been told by
// [Cache.CaughtUp] that it is in step with the feed.
func New(o Options) (*Cache, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Cache{options: o.withDefaults()}, nil
}

// Cached answers the positive entry of the digest, nil when there is none.
func (c *Cache) Cached(credential.Digest) *pipeline.Key { return nil }

// Find answers the key of the digest from the cache or the store.
func (c *Cache) Find(context.Context, credential.Digest) (*pipeline.Key, pipeline.KeySource, error) {
	return nil, pipeline.KeySourceNone, ErrOutOfStep
}

// Run re-reads entries in use before their TTL ends, until ctx ends.
func (c *Cache) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Load is what the follower calls when it starts (anew).
func (c *Cache) Load(context.Context) error { return nil }

// Apply evicts what changed.
func (c *Cache) Apply(context.Context, []store.Change) error { return nil }

// Restart empties the cache.
func (c *Cache) Restart() {}

// CaughtUp says that everything committed before the instant was applied.
func (c *Cache) CaughtUp(time.Time) {}

// Stats are counters since the start, and sizes now.
type Stats struct {
	Hits          int64 // answered by Cached or Find from a positive entry
	Misses        int64 // Find had no usable entry
	NegativeHits  int64 // Find answered from a negative entry
	StaleHits     int64 // of Hits: entries past their TTL, with the store away
	Shared        int64 // of Misses: joined a look-up in flight
	Lookups       int64 // queries to the store
	LookupErrors  int64 // of Lookups: ended in an error
	LookupsBusy   int64 // look-ups turned away by the ceiling on look-ups
	RefusedFills  int64 // answers not inserted because the key changed meanwhile
	Evictions     int64 // entries that made room for others
	Invalidations int64 // entries removed because of a change
	Size          int   // positive entries
	NegativeSize  int   // negative entries
	InFlight      int   // look-ups in flight
}

// Stats answers the counters; package extauthz exports them.
func (c *Cache) Stats() Stats { return Stats{} }
