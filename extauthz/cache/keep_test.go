package cache_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
)

// handOver keeps everything of the cache and resumes another one from it.
func (w *world) handOver(read time.Time) *cache.Cache {
	w.Helper()
	var all []cache.Kept
	w.ok(w.cache.Keep(w.Context(), func(k []cache.Kept) error {
		all = append(all, slices.Clone(k)...)
		return nil
	}))
	next, err := cache.New(cache.Options{
		Store: w.gate, Secrets: w.secrets, Now: w.clock.Now, TTL: time.Minute, Ceiling: 5 * time.Minute,
		LookupWait: time.Minute, LookupTimeout: time.Minute, StaleWait: time.Minute,
	})
	w.ok(err)
	w.ok(next.Resume(w.seen.Revision, read, func(add func([]cache.Kept)) error {
		add(all)
		add(all) // twice does no harm
		return nil
	}))
	return next
}

func TestACacheThatIsHandedOverAnswersWithoutTheStoreUntilTheCeiling(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	read := w.clock.Now()
	w.clock.advance(2 * time.Minute) // past the TTL
	next := w.handOver(read)
	w.gate.fail(store.ErrUnavailable)
	key, source, err := next.Find(t.Context(), digest)
	if err != nil || key == nil || source != pipeline.KeySourceCache {
		t.Fatalf("%v from %v, %v; want the key from the cache", key, source, err)
	}
	select {
	case <-next.Warmed():
	default:
		t.Error("a resumed cache still waits to be warmed")
	}
	w.clock.advance(3 * time.Minute)
	if key, _, err := next.Find(t.Context(), digest); !errors.Is(err, cache.ErrOutOfStep) {
		t.Errorf("%v, %v; want ErrOutOfStep a ceiling after the feed was read", key, err)
	}
}

func TestAResumedCacheThatCannotBeFilledIsEmpty(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	broken := errors.New("broken")
	if err := w.cache.Resume(1, w.clock.Now(), func(func([]cache.Kept)) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if w.cache.Cached(digest) != nil || w.cache.Stats().Size != 0 {
		t.Error("it answers from a snapshot that was not whole")
	}
}

func TestKeepingStopsWhenTheFeedBeginsAnew(t *testing.T) {
	w := newWorld(t, nil)
	for range 600 {
		w.known()
	}
	err := w.cache.Keep(t.Context(), func([]cache.Kept) error {
		w.cache.Restart()
		return nil
	})
	if !errors.Is(err, cache.ErrRestarted) {
		t.Errorf("%v, want ErrRestarted", err)
	}
}
