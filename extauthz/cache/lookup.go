package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// maxReads is how often a look-up reads a key that changes meanwhile.
const maxReads = 4

// flight is a look-up that everybody who asks for the digest shares. key and
// err are written before done is closed.
type flight struct {
	done chan struct{}
	key  *pipeline.Key
	err  error
}

// recordError is a record that makes no sense. No older entry stands in for
// it: the store has answered.
type recordError struct{ err error }

func (e *recordError) Error() string { return e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }

// standIn reports whether an entry past its TTL may be used in spite of err.
func standIn(err error) bool {
	var record *recordError
	return !errors.As(err, &record) && !errors.Is(err, ErrUnsettled)
}

// join answers the look-up of the digest, starting it when there is none.
func (c *Cache) join(ctx context.Context, digest credential.Digest) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[digest]; ok {
		c.counts.shared.Add(1)
		return f, nil
	}
	if c.closed || len(c.flights) >= waitingPerLookup*c.options.Lookups {
		c.counts.busy.Add(1)
		return nil, ErrBusy
	}
	f := &flight{done: make(chan struct{})}
	c.flights[digest] = f
	// The caller may give up; the others who wait, and the cache, want the
	// answer all the same. The look-up has a deadline of its own.
	detached := context.WithoutCancel(ctx)
	c.running.Go(func() {
		defer close(f.done)
		c.lookUp(detached, digest, f)
	})
	return f, nil
}

// lookUp reads the digest's key until it has an answer that may be inserted.
func (c *Cache) lookUp(ctx context.Context, digest credential.Digest, f *flight) {
	defer func() {
		// Nobody above this goroutine recovers, and the process serves others.
		if p := recover(); p != nil {
			// The error is logged, and the value can quote what was looked up.
			c.land(digest, f, fmt.Errorf("look up key: panic of type %T: %w\n%s", p, store.ErrUnavailable, debug.Stack()))
		}
	}()
	if err := c.takeTurn(ctx); err != nil {
		c.land(digest, f, err)
		return
	}
	defer func() { <-c.lookups }()
	ctx, cancel := context.WithTimeout(ctx, c.options.LookupTimeout)
	defer cancel()

	hashes := c.options.Secrets.Candidates(digest, make([]credential.Hash, 0, credential.MaxCandidates))
	if c.waiting(digest, hashes, f, c.options.TTL) != nil {
		return
	}
	for range maxReads {
		since, readAt := c.noteBefore(), c.now()
		key, age, err := c.read(ctx, hashes)
		if err != nil {
			// Nobody had asked for it before the store went away.
			if c.inStep(c.now()) && standIn(err) && c.waiting(digest, hashes, f, c.options.TTL+c.options.Ceiling) != nil {
				return
			}
			c.land(digest, f, fmt.Errorf("look up key: %w", err))
			return
		}
		if c.fill(digest, f, key, hashes, since, readAt.before(age)) {
			return
		}
	}
	c.land(digest, f, ErrUnsettled)
}

// takeTurn waits a bounded time to be one of the look-ups at the store.
func (c *Cache) takeTurn(ctx context.Context) error {
	select {
	case c.lookups <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(c.options.LookupWait)
	defer timer.Stop()
	select {
	case c.lookups <- struct{}{}:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	c.counts.busy.Add(1)
	return ErrBusy
}

func (c *Cache) noteBefore() noted {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.note()
}

// read asks the store; a nil key without an error means that there is none.
// age is more than 0 when the store itself was read that long ago.
func (c *Cache) read(ctx context.Context, hashes []credential.Hash) (_ *pipeline.Key, age time.Duration, _ error) {
	c.counts.lookups.Add(1)
	record, age, err := c.find(ctx, hashes)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.away.Store(nil)
		return nil, 0, nil
	case err != nil:
		c.counts.lookupErrors.Add(1)
		c.storeFailed()
		return nil, 0, err
	}
	if age == 0 { // otherwise it was not the store that answered
		c.away.Store(nil)
	}
	key, err := pipeline.NewKey(record)
	if err != nil {
		c.counts.lookupErrors.Add(1)
		return nil, 0, &recordError{err}
	}
	if c.options.Encode != nil {
		c.options.Encode(key)
	}
	return key, age, nil
}

func (c *Cache) find(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, time.Duration, error) {
	if shared, ok := c.options.Store.(AgedFinder); ok {
		return shared.FindKeyAged(ctx, hashes)
	}
	record, err := c.options.Store.FindKey(ctx, hashes)
	return record, 0, err
}

// land ends the flight with an error, without touching the cache.
func (c *Cache) land(digest credential.Digest, f *flight, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.err = err
	delete(c.flights, digest)
}

// fill inserts the answer and ends the flight, both in one moment, if nothing
// that it rests on has changed since it was noted; otherwise it does neither
// and answers false.
func (c *Cache) fill(digest credential.Digest, f *flight, key *pipeline.Key, hashes []credential.Hash,
	since noted, readAt instant,
) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == nil && !c.recent.absentSettled(hashes, since) || key != nil && !c.recent.settled(key, hashes, since) {
		c.counts.refusedFills.Add(1)
		return false
	}
	if old := c.known.get(&digest); old != nil {
		c.dropEntry(old)
	}
	if old := c.absent.get(&digest); old != nil {
		c.dropAbsence(old)
	}
	if key == nil {
		c.addAbsence(&absence{place: place{digest: digest}, hashes: hashes, revision: since.revision, readAt: readAt})
	} else {
		e := newEntry(digest, key, since.revision, readAt)
		c.addEntry(e)
		f.key = &e.key
	}
	delete(c.flights, digest)
	return true
}

// refreshAge is between half and three quarters of the TTL. It differs from
// digest to digest, so that keys that were first used together are not read
// again together.
func (c *Cache) refreshAge(digest *credential.Digest) time.Duration {
	return c.options.TTL/2 + c.options.TTL/4*time.Duration(digest[0])/256
}

// The rest is called with c.mu held.

func (c *Cache) addEntry(e *entry) {
	if other, ok := c.byKeyID[e.key.KeyID]; ok {
		c.dropEntry(other) // one key, two digests: cannot be, and must not leave one behind
	}
	if victim, full := c.known.full(); full {
		c.dropEntry(victim)
		c.counts.evictions.Add(1)
	}
	c.known.add(e)
	c.byKeyID[e.key.KeyID] = e
}

func (c *Cache) dropEntry(e *entry) {
	c.known.remove(e)
	delete(c.byKeyID, e.key.KeyID)
}

func (c *Cache) addAbsence(a *absence) {
	if victim, full := c.absent.full(); full {
		c.dropAbsence(victim)
		c.counts.evictions.Add(1)
	}
	c.absent.add(a)
	for _, h := range a.hashes {
		c.byHash[h] = a
	}
}

func (c *Cache) dropAbsence(a *absence) {
	c.absent.remove(a)
	for _, h := range a.hashes {
		delete(c.byHash, h)
	}
}
