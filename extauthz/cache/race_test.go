package cache_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"credence/extauthz/cache"
	"credence/store"
	"credence/store/credential"
)

// A thousand interleavings of what production does at once: requests, fills,
// evictions and revocations. As soon as Apply has returned, no request that
// begins may get the key as active.
func TestNoRequestThatBeginsAfterARevokeWasAppliedSeesTheKeyActive(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Size, o.RecentChanges = 8, 16 })
	const keys = 24
	digests, ids := make([]credential.Digest, keys), make([]string, keys)
	for i := range digests {
		digests[i] = w.mint()
		ids[i] = w.create(digests[i], nil)
	}
	w.sync()

	var revoked [keys]atomic.Bool
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				i := n % keys
				was := revoked[i].Load()
				if k := w.cache.Cached(digests[i]); k != nil && was && k.Status == store.StatusActive {
					t.Errorf("Cached answers key %d, which was revoked", i)
					return
				}
				was = revoked[i].Load()
				k, _, err := w.cache.Find(t.Context(), digests[i])
				if err != nil || k == nil {
					t.Errorf("key %d: %v, error %v", i, k, err)
					return
				}
				if was && k.Status == store.StatusActive {
					t.Errorf("Find answers key %d, which was revoked", i)
					return
				}
			}
		})
	}
	for i := range ids {
		w.setStatus(ids[i], store.StatusRevoked)
		w.sync()
		revoked[i].Store(true)
	}
	stop.Store(true)
	wg.Wait()
	for _, digest := range digests {
		w.wantStatus(digest, store.StatusRevoked)
	}
}
