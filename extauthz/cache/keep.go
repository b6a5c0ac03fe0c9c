package cache

import (
	"context"
	"errors"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// Kept is a positive entry outside of the cache, for a later process.
type Kept struct {
	Digest credential.Digest // of the key text; the key's hash where nobody has asked for it yet
	Key    *pipeline.Key
	// Revision was applied, and ReadAt it was, before the store was read.
	Revision store.Revision
	ReadAt   time.Time
}

// keepBatch is how many entries are looked at under the lock at once.
const keepBatch = 512

// ErrRestarted means that the feed began anew while entries were read.
var ErrRestarted = errors.New("the key cache was emptied meanwhile")

// Keep hands the positive entries to each, some hundred at a time and never
// under the lock, until each answers an error. What enters the cache meanwhile
// may be left out, what leaves it may be in, and one may come twice; what a
// change has evicted before the call does not come.
func (c *Cache) Keep(ctx context.Context, each func([]Kept) error) error {
	c.mu.Lock()
	restarts, next := c.recent.restarts, len(c.known.slots)
	c.mu.Unlock()
	var entries []*entry
	kept := make([]Kept, 0, keepBatch)
	for next > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries = entries[:0]
		c.mu.Lock()
		// Downwards: removing moves the last slot, seen already, to where it was.
		next = min(next, len(c.known.slots))
		first := max(next-keepBatch, 0)
		entries = append(entries, c.known.slots[first:next]...)
		next = first
		restarted := c.recent.restarts != restarts
		c.mu.Unlock()
		if restarted {
			return ErrRestarted
		}
		kept = kept[:0]
		for _, e := range entries {
			kept = append(kept, Kept{
				Digest: e.digest, Key: &e.key, Revision: e.revision, ReadAt: time.Unix(0, e.readAt.wall),
			})
		}
		if err := each(kept); err != nil {
			return err
		}
	}
	return nil
}

// Resume begins an empty cache in the middle: at a revision up to which
// everything was applied, for an instant at which the feed was last read. fill
// hands it what was kept, and has to see to it that nothing in it was changed
// up to the revision. After an error of fill the cache is empty.
//
// Nothing warms such a cache: it holds what is most likely to be asked for.
func (c *Cache) Resume(at store.Revision, read time.Time, fill func(add func([]Kept)) error) error {
	c.mu.Lock()
	c.recent.applied = at
	since := c.recent.note()
	c.mu.Unlock()
	if err := fill(func(kept []Kept) { c.put(kept, since) }); err != nil {
		c.Restart()
		return err
	}
	c.CaughtUp(read)
	c.warmOnce.Do(func() { close(c.warmed) })
	return nil
}

// put inserts what was kept, as far as there is room.
func (c *Cache) put(kept []Kept, since noted) {
	keys := make([]*pipeline.Key, len(kept))
	for i := range kept { // outside of the lock
		keys[i] = pipeline.Revive(kept[i].Key)
		if c.options.Encode != nil {
			c.options.Encode(keys[i])
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, key := range keys {
		if c.recent.restarts != since.restarts {
			return
		}
		if _, full := c.known.full(); full {
			return
		}
		_, sameKey := c.byKeyID[key.KeyID]
		if sameKey || c.known.get(&kept[i].Digest) != nil {
			continue // handed over twice
		}
		c.addEntry(newEntry(kept[i].Digest, key, kept[i].Revision, c.instantOf(kept[i].ReadAt)))
		c.counts.warmed.Add(1)
	}
}
