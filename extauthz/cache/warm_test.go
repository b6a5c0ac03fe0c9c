package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// used hands out the keys of a database, with a gate in front of the first.
type used struct {
	store.UsedKeyReader
	before func() // called before the first key is handed out, after it was read
	err    error
}

func (u *used) UsedKeys(ctx context.Context, most int, each func(store.KeyRecord) error) error {
	if u.err != nil {
		return u.err
	}
	var once sync.Once
	return u.UsedKeyReader.UsedKeys(ctx, most, func(k store.KeyRecord) error {
		once.Do(func() {
			if u.before != nil {
				u.before()
			}
		})
		return each(k)
	})
}

// warmWorld is a world whose cache is warmed from its database once run is
// called, which waits for it.
func warmWorld(t *testing.T, u *used, change func(*cache.Options)) (w *world, run func()) {
	t.Helper()
	w = newWorld(t, func(o *cache.Options) {
		o.Warm = u
		if change != nil {
			change(o)
		}
	})
	u.UsedKeyReader = w.store
	return w, func() {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = w.cache.Run(ctx) })
		t.Cleanup(func() { stop(); running.Wait() })
		<-w.cache.Warmed()
	}
}

func TestAWarmedKeyIsAnsweredWithoutAskingTheStore(t *testing.T) {
	w, run := warmWorld(t, &used{}, nil)
	digests := []credential.Digest{w.mint(), w.mint(), w.mint()}
	for _, d := range digests {
		w.create(d, nil)
	}
	w.sync()
	run()
	for range 2 { // found under its hash, then under its digest
		for _, d := range digests {
			if k, source, err := w.cache.Find(t.Context(), d); k == nil || err != nil {
				t.Fatalf("%v from %v: %v", k, source, err)
			}
		}
	}
	if reads := w.gate.reads.Load(); reads != 0 {
		t.Errorf("%d look-ups at the store", reads)
	}
	if k := w.cache.Cached(digests[0]); k == nil {
		t.Error("not in the cache under its digest")
	}
	if s := w.cache.Stats(); s.Warmed != 3 || s.Size != 3 {
		t.Errorf("%d keys warmed, %d there", s.Warmed, s.Size)
	}
}

func TestAKeyRevokedWhileTheCacheIsWarmedIsNotBroughtBack(t *testing.T) {
	u := &used{}
	w, run := warmWorld(t, u, nil)
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()
	u.before = func() { // read already, not inserted yet
		w.do(func(ctx context.Context, tx *store.Tx) error {
			k, err := tx.Key(ctx, id)
			if err != nil {
				return err
			}
			k.Status = store.StatusRevoked
			return tx.UpdateKey(ctx, k)
		})
		w.sync()
	}
	run()
	if s := w.cache.Stats(); s.Warmed != 0 {
		t.Fatalf("%d keys inserted", s.Warmed)
	}
	k, source, err := w.cache.Find(t.Context(), digest)
	if err != nil || k == nil || k.Status != store.StatusRevoked || source != pipeline.KeySourceStore {
		t.Errorf("%v from %v: %v", k, source, err)
	}
}

func TestAWarmedKeyIsDroppedWhenItChanges(t *testing.T) {
	w, run := warmWorld(t, &used{}, nil)
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()
	run()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.Key(ctx, id)
		if err != nil {
			return err
		}
		k.Status = store.StatusRevoked
		return tx.UpdateKey(ctx, k)
	})
	w.sync()
	if k, _, err := w.cache.Find(t.Context(), digest); err != nil || k.Status != store.StatusRevoked {
		t.Errorf("%v: %v", k, err)
	}
}

func TestWarmingEvictsNobodyAndEndsWhenTheCacheIsFull(t *testing.T) {
	w, run := warmWorld(t, &used{}, func(o *cache.Options) { o.Size = 2 })
	var digests []credential.Digest
	for range 5 {
		digests = append(digests, w.mint())
		w.create(digests[len(digests)-1], nil)
	}
	w.sync()
	if k, _, err := w.cache.Find(t.Context(), digests[0]); k == nil || err != nil {
		t.Fatal(k, err)
	}
	run()
	if s := w.cache.Stats(); s.Size != 2 || s.Warmed != 1 || s.Evictions != 0 {
		t.Errorf("%d keys, %d warmed, %d evicted", s.Size, s.Warmed, s.Evictions)
	}
	if w.cache.Cached(digests[0]) == nil {
		t.Error("the key that was asked for is gone")
	}
}

func TestACacheThatCannotBeWarmedSaysSoAndWorks(t *testing.T) {
	var reported []error
	w, run := warmWorld(t, &used{err: store.ErrUnavailable}, func(o *cache.Options) {
		o.Report = func(_ context.Context, err error) { reported = append(reported, err) }
	})
	digest := w.mint()
	w.create(digest, nil)
	w.sync()
	run()
	if len(reported) != 1 || !errors.Is(reported[0], store.ErrUnavailable) || w.cache.Stats().WarmErrors != 1 {
		t.Errorf("reported %v, counted %d", reported, w.cache.Stats().WarmErrors)
	}
	if k, source, err := w.cache.Find(t.Context(), digest); k == nil || source != pipeline.KeySourceStore || err != nil {
		t.Errorf("%v from %v: %v", k, source, err)
	}
}

// TestAWarmedKeyWithoutAPepperIsThereAtOnce: its hash is its digest.
func TestAWarmedKeyWithoutAPepperIsThereAtOnce(t *testing.T) {
	u := &used{}
	w, run := warmWorld(t, u, nil)
	digest := w.mint()
	w.create(digest, func(k *store.Key) { k.Hash, k.PepperID = credential.Hash(digest), "" })
	w.sync()
	run()
	if w.cache.Cached(digest) == nil {
		t.Error("not there")
	}
}
