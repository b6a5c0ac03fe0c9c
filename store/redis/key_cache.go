package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"credence/store"
	"credence/store/credential"
)

const (
	// maxSkew is by how much the clock of another replica may be ahead of ours.
	maxSkew = 5 * time.Second
	// offers is how many entries wait to be written; more are dropped.
	offers = 1024
	// offerBatch is how many of them go in one round trip.
	offerBatch = 64
	// offerBudget bounds that round trip, and headBudget the read of the
	// database before it. Nobody waits for either.
	offerBudget = 250 * time.Millisecond
	headBudget  = 2 * time.Second
)

// KeyCacheOptions are what a KeyCache needs.
type KeyCacheOptions struct {
	Client *Client
	Store  store.KeyFinder // asked for what is not shared
	Feed   store.ChangeFeed
	Secret [32]byte // the deployment's snapshot key; keys for this cache alone are derived from it
	// MaxAge is the longest time since the store was read after which an
	// entry is used, by the wall clocks of writer and reader; 1 minute. Half
	// of the TTL of the replicas' own caches fits.
	MaxAge time.Duration
	Now    func() time.Time
	Random io.Reader
	Logger *slog.Logger

	// remembered replaces rememberedChanges in tests.
	remembered int
}

// Validate reports the first option that makes no sense, by its name.
func (o *KeyCacheOptions) Validate() error {
	switch {
	case o.Client == nil:
		return errors.New("key cache options: Client: missing")
	case o.Store == nil:
		return errors.New("key cache options: Store: missing")
	case o.Feed == nil:
		return errors.New("key cache options: Feed: missing")
	case o.Secret == [32]byte{}:
		return errors.New("key cache options: Secret: missing: give the deployment's snapshot key")
	case o.MaxAge < 0:
		return fmt.Errorf("key cache options: MaxAge: %s is negative: give a time, or 0 for the default", o.MaxAge)
	case o.Now == nil:
		return errors.New("key cache options: Now: missing: give a clock")
	case o.Random == nil:
		return errors.New("key cache options: Random: missing: give a random source")
	case o.Logger == nil:
		return errors.New("key cache options: Logger: missing: give a logger")
	}
	return nil
}

// entries is where sealed entries lie.
type entries interface {
	get(ctx context.Context, name string) ([]byte, error)
	put(ctx context.Context, batch []sealedEntry, life time.Duration) error
}

// sealedEntry is an entry under the name that it has in Redis.
type sealedEntry struct {
	name   string
	sealed []byte
}

// offer is an entry that waits to be sealed and written.
type offer struct {
	name  entryName
	entry *sharedEntry
}

// KeyCache finds keys in Redis, where other replicas left them, and in the
// store. It is a store.KeyFinder. See the package comment.
type KeyCache struct {
	options KeyCacheOptions
	entries entries
	guard   *KeyGuard
	seal    *entrySeal
	offers  chan offer
	counts  struct {
		hits, misses, stale, broken, dropped, large atomic.Int64
	}
}

// NewKeyCache makes a KeyCache. It shares nothing before its guard follows the
// feed.
func NewKeyCache(o KeyCacheOptions) (*KeyCache, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return newKeyCache(o, &clientEntries{o.Client})
}

func newKeyCache(o KeyCacheOptions, at entries) (*KeyCache, error) {
	if o.MaxAge == 0 {
		o.MaxAge = time.Minute
	}
	if o.remembered == 0 {
		o.remembered = rememberedChanges
	}
	seal, err := newEntrySeal(o.Secret, o.Random)
	if err != nil {
		return nil, fmt.Errorf("key cache: %w", err)
	}
	return &KeyCache{
		options: o, entries: at, guard: newKeyGuard(o.Feed, o.remembered), seal: seal, offers: make(chan offer, offers),
	}, nil
}

// Guard is what has to follow the feed, before the replica's own cache.
func (k *KeyCache) Guard() *KeyGuard { return k.guard }

// FindKey implements store.KeyFinder.
func (k *KeyCache) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	record, _, err := k.FindKeyAged(ctx, hashes)
	return record, err
}

// FindKeyAged is FindKey that also tells how long ago the store was read: 0
// when it was read now, more when the record was shared.
func (k *KeyCache) FindKeyAged(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, time.Duration, error) {
	// Before anything is read: what is read later is not older than this.
	at, following := k.guard.position()
	if !following || len(hashes) == 0 {
		record, err := k.options.Store.FindKey(ctx, hashes)
		return record, 0, err
	}
	name := k.seal.name(hashes)
	if e, age, ok := k.shared(ctx, name, hashes); ok {
		return e.Record, age, nil
	}
	readAt := k.options.Now()
	record, err := k.options.Store.FindKey(ctx, hashes)
	if err == nil {
		k.offer(name, &sharedEntry{Record: record, Before: at, ReadAt: readAt.UnixNano()})
	}
	return record, 0, err
}

// shared answers the entry of the name if it is there, ours, and still true.
func (k *KeyCache) shared(ctx context.Context, name entryName, hashes []credential.Hash) (*sharedEntry, time.Duration, bool) {
	sealed, err := k.entries.get(ctx, k.key(name))
	if err != nil {
		k.counts.misses.Add(1)
		return nil, 0, false
	}
	e, err := k.seal.open(name, sealed)
	if err != nil || !slices.Contains(hashes, e.Record.Hash) {
		k.counts.broken.Add(1)
		return nil, 0, false
	}
	age, fresh := e.age(k.options.Now(), k.options.MaxAge)
	if !fresh || !k.guard.settled(&e.Record, e.Before, e.After) {
		k.counts.stale.Add(1)
		return nil, 0, false
	}
	k.counts.hits.Add(1)
	return e, age, true
}

func (k *KeyCache) key(name entryName) string { return k.options.Client.Key("key:" + name.text()) }

// offer has the entry written by Run. Nobody waits for it.
func (k *KeyCache) offer(name entryName, e *sharedEntry) {
	select {
	case k.offers <- offer{name, e}:
	default:
		k.counts.dropped.Add(1)
	}
}

// Run writes what was read to Redis until ctx ends, and answers nil.
func (k *KeyCache) Run(ctx context.Context) error {
	batch := make([]offer, 0, offerBatch)
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-k.offers:
			batch = k.collect(append(batch[:0], o))
		}
		if err := k.write(ctx, batch); err != nil {
			k.counts.dropped.Add(int64(len(batch)))
			k.options.Logger.DebugContext(ctx, "key records were not shared", slog.Any("error", err))
		}
	}
}

// collect adds what waits, up to a full batch.
func (k *KeyCache) collect(batch []offer) []offer {
	for len(batch) < offerBatch {
		select {
		case o := <-k.offers:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// write seals a batch and writes it. One read of the head, after all of the
// records were read, serves them all.
func (k *KeyCache) write(ctx context.Context, batch []offer) error {
	if !k.options.Client.circuit.allows() {
		return ErrAway // the database need not be asked, either
	}
	reading, cancel := context.WithTimeout(ctx, headBudget)
	defer cancel()
	head, err := k.options.Feed.Head(reading)
	if err != nil {
		return fmt.Errorf("head of the feed: %w", err)
	}
	sealed := make([]sealedEntry, 0, len(batch))
	for _, o := range batch {
		o.entry.After = head
		text, err := k.seal.seal(o.name, o.entry)
		if errors.Is(err, errTooLarge) {
			k.counts.large.Add(1)
			continue
		}
		if err != nil {
			return err
		}
		sealed = append(sealed, sealedEntry{k.key(o.name), text})
	}
	return k.entries.put(ctx, sealed, k.options.MaxAge)
}

// clientEntries are entries in Redis.
type clientEntries struct{ client *Client }

func (c *clientEntries) get(ctx context.Context, name string) (sealed []byte, err error) {
	err = c.client.Call(ctx, func(ctx context.Context, r redis.UniversalClient) error {
		sealed, err = r.GetRange(ctx, name, 0, maxEntry).Bytes()
		return err
	})
	if err == nil && len(sealed) == 0 { // what GETRANGE answers for no such key
		err = redis.Nil
	}
	return sealed, err
}

func (c *clientEntries) put(ctx context.Context, batch []sealedEntry, life time.Duration) error {
	return c.client.CallWithin(ctx, offerBudget, func(ctx context.Context, r redis.UniversalClient) error {
		_, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, o := range batch {
				p.Set(ctx, o.name, o.sealed, life)
			}
			return nil
		})
		return err
	})
}

// KeyCacheStats are counters since the start.
type KeyCacheStats struct {
	Hits    int64 // entries that were used
	Misses  int64 // look-ups for which Redis had none, or did not answer
	Stale   int64 // entries that could not be proven to be still true
	Broken  int64 // entries that do not open: damaged, moved, forged, or of another deployment
	Dropped int64 // entries that were not written
	Large   int64 // records too large to be shared
}

// Stats answers the counters.
func (k *KeyCache) Stats() KeyCacheStats {
	return KeyCacheStats{
		Hits: k.counts.hits.Load(), Misses: k.counts.misses.Load(), Stale: k.counts.stale.Load(),
		Broken: k.counts.broken.Load(), Dropped: k.counts.dropped.Load(), Large: k.counts.large.Load(),
	}
}

// Describe implements prometheus.Collector.
func (k *KeyCache) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(k, out) }

// Collect implements prometheus.Collector.
func (k *KeyCache) Collect(out chan<- prometheus.Metric) {
	s := k.Stats()
	lookups := prometheus.NewDesc("credence_shared_key_lookups_total",
		"Look-ups in the key cache in Redis: hit, miss, stale (not proven to be true), broken (damaged or forged).", []string{"result"}, nil)
	for result, n := range map[string]int64{"hit": s.Hits, "miss": s.Misses, "stale": s.Stale, "broken": s.Broken} {
		out <- prometheus.MustNewConstMetric(lookups, prometheus.CounterValue, float64(n), result)
	}
	unshared := prometheus.NewDesc("credence_shared_key_unshared_total",
		"Key records that were read and not written to Redis: dropped (Redis slow or away), large.", []string{"cause"}, nil)
	for cause, n := range map[string]int64{"dropped": s.Dropped, "large": s.Large} {
		out <- prometheus.MustNewConstMetric(unshared, prometheus.CounterValue, float64(n), cause)
	}
}
