package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

func wantError(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("error %v, want %v", err, want)
	}
}

func TestOneLookUpServesAllWhoAskAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	w.create(digest, nil)
	w.sync()
	before := w.gate.reads.Load()

	held, release := w.gate.holdNext()
	answers := []<-chan found{w.findAside(t.Context(), digest)}
	<-held
	for range 50 {
		answers = append(answers, w.findAside(t.Context(), digest))
	}
	for w.cache.Stats().Shared < 50 {
		runtime.Gosched()
	}
	release()
	for _, a := range answers {
		if got := <-a; got.err != nil || got.key == nil || got.source != pipeline.KeySourceStore {
			t.Fatalf("answered %+v", got)
		}
	}
	if reads := w.gate.reads.Load() - before; reads != 1 {
		t.Errorf("%d reads of the store for 51 requests, want 1", reads)
	}
}

func TestCancelledCallerDoesNotPoison(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	w.create(digest, nil)
	w.sync()

	held, release := w.gate.holdNext()
	ctx, cancel := context.WithCancel(t.Context())
	gone := w.findAside(ctx, digest)
	<-held
	waiting := w.findAside(t.Context(), digest)
	cancel()
	got := <-gone // at once: it does not wait for the look-up
	wantError(t, got.err, context.Canceled)
	release()
	if got := <-waiting; got.err != nil || got.key == nil {
		t.Errorf("who shared the look-up got %+v", got)
	}
	if w.cache.Cached(digest) == nil {
		t.Error("the answer did not reach the cache")
	}
}

func TestALookUpGoesOnWithoutTheCallerWhoBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{release: make(chan struct{})}
		c := newCacheOver(t, slow, nil)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, _, err := c.Find(ctx, credential.Digest{1})
			gone <- err
		}()
		synctest.Wait() // the read has begun
		cancel()
		wantError(t, <-gone, context.Canceled)
		close(slow.release)
		synctest.Wait()
		if c.Cached(credential.Digest{1}) == nil || slow.reads.Load() != 1 {
			t.Errorf("not in the cache after %d reads, want the answer of the first", slow.reads.Load())
		}
	})
}

func TestNothingIsAnsweredAfterTheCeiling(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	unknown := w.mint()
	w.wantStatus(unknown, "unknown")
	w.gate.fail(store.ErrUnavailable)

	w.clock.advance(5*time.Minute - 1)
	w.wantStatus(digest, store.StatusActive)
	w.clock.advance(1)
	if w.cache.Cached(digest) != nil {
		t.Error("Cached answered after the ceiling")
	}
	for _, d := range []credential.Digest{digest, unknown} {
		_, _, err := w.cache.Find(t.Context(), d)
		wantError(t, err, cache.ErrOutOfStep)
		wantError(t, err, store.ErrUnavailable)
	}
	w.gate.open()
	_, _, err := w.cache.Find(t.Context(), digest)
	wantError(t, err, cache.ErrOutOfStep) // the store answers, the feed was not read

	w.sync()
	w.wantStatus(digest, store.StatusActive)
}

func TestNothingIsAnsweredBeforeTheFeedWasRead(t *testing.T) {
	w := newWorld(t, nil)
	c, err := cache.New(cache.Options{Store: w.gate, Secrets: w.secrets, Now: w.clock.Now})
	w.ok(err)
	_, _, err = c.Find(t.Context(), w.mint())
	wantError(t, err, cache.ErrOutOfStep)
}

func TestAnEntryIsReadAgainAfterItsTTL(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	reads := w.gate.reads.Load()

	w.clock.advance(time.Minute - 1)
	w.sync()
	if _, source := w.find(digest); source != pipeline.KeySourceCache {
		t.Errorf("source %v before the TTL ended, want the cache", source)
	}
	w.clock.advance(1)
	w.sync()
	if w.cache.Cached(digest) != nil {
		t.Error("an entry past its TTL was answered while the store can be reached")
	}
	if _, source := w.find(digest); source != pipeline.KeySourceStore || w.gate.reads.Load() != reads+1 {
		t.Errorf("source %v after %d reads, want one read of the store", source, w.gate.reads.Load()-reads)
	}
}

func TestANegativeEntryIsReadAgainAfterItsTTL(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	w.wantStatus(digest, "unknown")
	reads := w.gate.reads.Load()
	w.clock.advance(10*time.Second - 1)
	w.wantStatus(digest, "unknown")
	if w.gate.reads.Load() != reads {
		t.Error("a negative entry was read again within its TTL")
	}
	w.clock.advance(1)
	w.wantStatus(digest, "unknown")
	if w.gate.reads.Load() != reads+1 {
		t.Error("a negative entry was not read again after its TTL")
	}
}

func TestKnownKeysGoOnWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	revoked, id := w.known()
	w.setStatus(id, store.StatusRevoked)
	w.sync()
	w.wantStatus(revoked, store.StatusRevoked)

	w.gate.fail(store.ErrUnavailable)
	w.clock.advance(2 * time.Minute)
	w.wantStatus(digest, store.StatusActive)
	w.wantStatus(revoked, store.StatusRevoked)
	if w.cache.Cached(digest) == nil {
		t.Error("with the store known to be away, Cached does not answer")
	}
	_, _, err := w.cache.Find(t.Context(), w.mint())
	wantError(t, err, store.ErrUnavailable)
	if s := w.cache.Stats(); s.StaleHits == 0 || s.LookupErrors == 0 {
		t.Errorf("stats %+v do not show it", s)
	}

	w.gate.open()
	w.wantStatus(w.mint(), "unknown") // somebody finds the store back
	if w.cache.Cached(digest) != nil {
		t.Error("the TTL stays stretched although the store is back")
	}
}

func TestAnEntryIsNotUsedForeverWhileOnlyKeysCannotBeRead(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	w.gate.fail(store.ErrUnavailable)
	for minutes := range 7 {
		w.sync() // the feed can be read
		_, _, err := w.cache.Find(t.Context(), digest)
		if stretched := minutes < 6; stretched != (err == nil) {
			t.Errorf("after %d minutes with a TTL of one and a ceiling of five: error %v", minutes, err)
		}
		w.clock.advance(time.Minute)
	}
}

func TestARecordThatMakesNoSenseIsAnErrorEvenWithAnOlderEntryAtHand(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	after := func(r store.KeyRecord, err error) (store.KeyRecord, error) {
		r.Limits = []limit.Limit{{Name: "broken", Limit: -1, Period: time.Second}}
		return r, err
	}
	w.gate.after.Store(&after)
	w.clock.advance(time.Minute)
	w.sync()
	if k, _, err := w.cache.Find(t.Context(), digest); err == nil || k != nil {
		t.Errorf("answered %+v and error %v, want an error", k, err)
	}
}

// TestAPanicInALookUpIsAnError that tells where it was, and not its value:
// that may quote a key.
func TestAPanicInALookUpIsAnError(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	w.create(digest, nil)
	w.sync()
	after := func(store.KeyRecord, error) (store.KeyRecord, error) { panic("broken driver at crd_live_") }
	w.gate.after.Store(&after)
	_, _, err := w.cache.Find(t.Context(), digest)
	wantError(t, err, store.ErrUnavailable)
	if told := err.Error(); strings.Contains(told, "broken driver") || !strings.Contains(told, "type string") || !strings.Contains(told, "TestAPanicInALookUpIsAnError") {
		t.Errorf("the error says %s", told)
	}
	w.gate.open()
	w.wantStatus(digest, store.StatusActive)
}

func TestEntriesAreBounded(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Size, o.NegativeSize = 8, 4 })
	for range 30 {
		w.known()
		w.wantStatus(w.mint(), "unknown")
		if s := w.cache.Stats(); s.Size > 8 || s.NegativeSize > 4 {
			t.Fatalf("%d and %d entries, want at most 8 and 4", s.Size, s.NegativeSize)
		}
	}
	if s := w.cache.Stats(); s.Size != 8 || s.NegativeSize != 4 || s.Evictions != 22+26 {
		t.Errorf("stats %+v, want 8 and 4 entries after 48 evictions", s)
	}
}

func TestGuessesDoNotPushOutKeysAndUseKeepsAnEntry(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Size, o.NegativeSize = 4, 4 })
	used, _ := w.known()
	for range 40 {
		w.wantStatus(w.mint(), "unknown")
	}
	if w.cache.Cached(used) == nil {
		t.Fatal("unknown digests pushed a key out")
	}
	for range 10 {
		w.known()
		if w.cache.Cached(used) == nil {
			t.Fatal("an entry in use was evicted before others that are not")
		}
	}
}

func TestLookUpsAtTheStoreAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{release: make(chan struct{})}
		c := newCacheOver(t, slow, func(o *cache.Options) { o.Lookups = 2; o.LookupTimeout = time.Hour })
		var wg sync.WaitGroup
		var busy atomic.Int64
		for i := range 100 {
			wg.Go(func() {
				if _, _, err := c.Find(t.Context(), credential.Digest{byte(i)}); errors.Is(err, cache.ErrBusy) {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		if most := slow.most.Load(); most != 2 {
			t.Errorf("%d look-ups at the store at once, want 2", most)
		}
		if inFlight := c.Stats().InFlight; inFlight != 32 {
			t.Errorf("%d look-ups in flight, want 2 at the store and 30 waiting", inFlight)
		}
		pass(100 * time.Millisecond) // in the bubble: LookupWait
		synctest.Wait()
		close(slow.release)
		wg.Wait()
		if busy.Load() != 98 {
			t.Errorf("%d requests turned away, want 98", busy.Load())
		}
	})
}

func TestAStoreThatHangsHoldsAKnownKeyUpOnceAndShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{release: make(chan struct{})}
		close(slow.release)
		c := newCacheOver(t, slow, nil)
		digest := credential.Digest{1}
		if k, _, err := c.Find(t.Context(), digest); k == nil || err != nil {
			t.Fatalf("key %v, error %v", k, err)
		}
		slow.release = make(chan struct{}) // hangs from now on
		pass(time.Minute)                  // in the bubble: the TTL
		begin := time.Now()
		if k, source, err := c.Find(t.Context(), digest); k == nil || err != nil || source != pipeline.KeySourceCache {
			t.Fatalf("key %v, source %v, error %v", k, source, err)
		}
		if waited := time.Since(begin); waited != 50*time.Millisecond {
			t.Errorf("waited %s, want StaleWait", waited)
		}
		if c.Cached(digest) == nil {
			t.Error("the next request does not find the entry at once")
		}
		begin = time.Now()
		_, _, err := c.Find(t.Context(), credential.Digest{2})
		if waited := time.Since(begin); err == nil || waited != 2*time.Second {
			t.Errorf("an unknown key: error %v after %s, want an error after LookupTimeout", err, waited)
		}
	})
}

func TestAnEntryInUseIsReadAgainBeforeItsTTLEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{release: make(chan struct{})}
		close(slow.release)
		c := newCacheOver(t, slow, nil)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.Run(ctx) })
		digest := credential.Digest{1}
		_, _, err := c.Find(ctx, digest)
		wantError(t, err, nil)
		for range 600 { // ten minutes of one request a second
			pass(time.Second)
			c.CaughtUp(time.Now())
			if c.Cached(digest) == nil {
				t.Fatal("an entry in use ran out")
			}
			synctest.Wait()
		}
		if reads := slow.reads.Load(); reads < 10 || reads > 21 {
			t.Errorf("%d reads in ten minutes, want one each half to three quarters of a minute", reads)
		}
		stop()
		wg.Wait()
		if _, _, err := c.Find(t.Context(), credential.Digest{2}); !errors.Is(err, cache.ErrBusy) {
			t.Errorf("error %v after Run has ended, want that no look-up begins", err)
		}
	})
}

// slowStore knows every hash, and answers when it is released or the deadline
// has passed. It stands in for a database in tests of time only.
type slowStore struct {
	release   chan struct{}
	reads     atomic.Int64
	now, most atomic.Int64
}

func (s *slowStore) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	s.reads.Add(1)
	at := s.now.Add(1)
	defer s.now.Add(-1)
	s.most.Store(max(s.most.Load(), at))
	select {
	case <-s.release:
	case <-ctx.Done():
		return store.KeyRecord{}, ctx.Err()
	}
	return store.KeyRecord{Key: store.Key{
		KeyID: fmt.Sprintf("key_%x", hashes[0]), Namespace: store.DefaultNamespace, KeyType: store.KeyTypeService,
		Status: store.StatusActive, Environment: "test", Hash: hashes[0],
	}}, nil
}

// unpeppered makes the digest the only candidate.
type unpeppered struct{}

func (unpeppered) Candidates(d credential.Digest, dst []credential.Hash) []credential.Hash {
	return append(dst, credential.Hash(d))
}

func newCacheOver(tb testing.TB, finder store.KeyFinder, change func(*cache.Options)) *cache.Cache {
	tb.Helper()
	o := cache.Options{Store: finder, Secrets: unpeppered{}, Now: time.Now}
	if change != nil {
		change(&o)
	}
	c, err := cache.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	c.CaughtUp(time.Now())
	return c
}

func TestOptionsAreRefusedByName(t *testing.T) {
	good := cache.Options{Store: &slowStore{}, Secrets: unpeppered{}, Now: time.Now}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*cache.Options){
		"Store":         func(o *cache.Options) { o.Store = nil },
		"Secrets":       func(o *cache.Options) { o.Secrets = nil },
		"Now":           func(o *cache.Options) { o.Now = nil },
		"Size":          func(o *cache.Options) { o.Size = -1 },
		"NegativeSize":  func(o *cache.Options) { o.NegativeSize = -1 },
		"RecentChanges": func(o *cache.Options) { o.RecentChanges = -1 },
		"Lookups":       func(o *cache.Options) { o.Lookups = -1 },
		"TTL":           func(o *cache.Options) { o.TTL = -1 },
		"NegativeTTL":   func(o *cache.Options) { o.NegativeTTL = -1 },
		"Ceiling":       func(o *cache.Options) { o.Ceiling = time.Second },
		"LookupWait":    func(o *cache.Options) { o.LookupWait = -1 },
		"LookupTimeout": func(o *cache.Options) { o.LookupTimeout = -1 },
		"StaleWait":     func(o *cache.Options) { o.StaleWait = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := cache.New(o); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }
