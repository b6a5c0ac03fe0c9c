package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// warmBatch is how many keys enter at once: the lock is let go in between, for
// the follower and for look-ups.
const warmBatch = 256

// Warmed is closed when the cache has been warmed for the first time, or will
// not be: nothing to warm it from, the store failed, or it took too long.
func (c *Cache) Warmed() <-chan struct{} { return c.warmed }

// warmWhenLoaded fills the cache each time the feed begins anew, until ctx
// ends. The first time a replica waits for it before it takes Checks.
func (c *Cache) warmWhenLoaded(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.loaded:
			c.warm(ctx)
			c.warmOnce.Do(func() { close(c.warmed) })
		}
	}
}

// warm reads the keys that were used last. What goes wrong costs nothing but
// look-ups later, so it ends there and is counted.
func (c *Cache) warm(ctx context.Context) {
	if c.options.Warm == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.WarmTimeout)
	defer cancel()
	since, readAt := c.noteBefore(), c.now()
	// While one batch is read, the one before is made into keys.
	batches, done := make(chan []store.KeyRecord, 1), make(chan struct{})
	go func() {
		defer close(done)
		for batch := range batches {
			if !c.preload(batch, since, readAt) {
				return
			}
		}
	}()
	send := func(batch []store.KeyRecord) error {
		select {
		case batches <- batch:
			return nil
		case <-done:
			return errEnough
		}
	}
	var batch []store.KeyRecord
	err := c.options.Warm.UsedKeys(ctx, c.options.Size, func(k store.KeyRecord) error {
		if batch = append(batch, k); len(batch) < warmBatch {
			return nil
		}
		full := batch
		batch = make([]store.KeyRecord, 0, warmBatch)
		return send(full)
	})
	if err == nil {
		err = send(batch)
	}
	close(batches)
	<-done
	if err != nil && !errors.Is(err, errEnough) {
		c.counts.warmErrors.Add(1)
		c.options.Report(ctx, fmt.Errorf("warm the key cache: %w", err))
	}
}

// errEnough ends the reading of keys: the cache is full, or was emptied.
var errEnough = errors.New("enough keys")

// preload inserts keys that were read at an instant, under the fill rule. It
// evicts nobody: keys that were asked for meanwhile are worth more. It answers
// false when there is no use in going on.
//
// A key's digest is not known, only the hash that the store keeps. Without a
// pepper they are the same; with one the entry waits under its hash for the
// first look-up of the digest, which finds it there (see [Cache.waiting]).
func (c *Cache) preload(records []store.KeyRecord, since noted, readAt instant) bool {
	keys := make([]*pipeline.Key, len(records))
	for i := range records { // outside of the lock
		key, err := pipeline.NewKey(records[i])
		if err != nil {
			continue // a look-up will say what is wrong with it
		}
		if c.options.Encode != nil {
			c.options.Encode(key)
		}
		keys[i] = key
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if key == nil {
			continue
		}
		if c.known.room() == 0 || since.restarts != c.recent.restarts {
			return false
		}
		digest := credential.Digest(key.Hash)
		if _, there := c.byKeyID[key.KeyID]; there || !c.recent.settled(key, []credential.Hash{key.Hash}, since) {
			continue
		}
		if c.known.get(&digest) != nil {
			continue
		}
		c.addEntry(newEntry(digest, key, since.revision, readAt))
		c.counts.warmed.Add(1)
	}
	return true
}

// waiting moves the entry that waits under one of the hashes to its digest and
// answers its key; nil when there is none that is younger than most.
func (c *Cache) waiting(digest credential.Digest, hashes []credential.Hash, f *flight, most time.Duration) *pipeline.Key {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hashes {
		under := credential.Digest(h)
		e := c.known.get(&under)
		if e == nil || under == digest || e.key.Hash != h || elapsed(e.readAt, now) >= most {
			continue
		}
		if old := c.known.get(&digest); old != nil {
			c.dropEntry(old)
		}
		if old := c.absent.get(&digest); old != nil {
			c.dropAbsence(old)
		}
		key := e.key.Copy() // whoever has it may be using its seats
		moved := newEntry(digest, &key, e.revision, e.readAt)
		c.addEntry(moved)
		f.key = &moved.key
		delete(c.flights, digest)
		return f.key
	}
	return nil
}

// warmTimeout is how long a replica waits for its cache at most.
const warmTimeout = 30 * time.Second
