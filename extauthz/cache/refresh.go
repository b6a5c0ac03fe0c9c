package cache

import (
	"context"
	"sync"
	"time"
)

// Run warms the cache, and reads entries in use again before their TTL ends,
// until ctx ends, and answers nil when no look-up is in flight any more. Find
// starts none from then on, so end it after the last Check was answered.
// Without Run the cache works, but the first request after each TTL waits for
// the store.
func (c *Cache) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	// A quarter of the look-ups at most: requests that wait come first.
	for range max(c.options.Lookups/4, 1) {
		workers.Go(func() { c.refreshEntries(ctx) })
	}
	workers.Go(func() { c.warmWhenLoaded(ctx) })
	workers.Wait()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.running.Wait()
	return nil
}

func (c *Cache) refreshEntries(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-c.refresh:
			if c.known.get(&e.digest) != e {
				continue // evicted, or read again meanwhile
			}
			f, err := c.join(ctx, e.digest)
			if err != nil {
				continue // busy; Cached asks again
			}
			select {
			case <-ctx.Done():
				return
			case <-f.done: // an error has been counted; Cached asks again
			}
		}
	}
}

// askRefresh has the entry read again, at most once in refreshPause. When the
// queue is full it is asked for again later.
func (c *Cache) askRefresh(e *entry, age time.Duration) {
	last := e.asked.Load()
	if last != 0 && age-time.Duration(last) < refreshPause {
		return
	}
	if !e.asked.CompareAndSwap(last, int64(age)) {
		return
	}
	select {
	case c.refresh <- e:
	default:
	}
}
