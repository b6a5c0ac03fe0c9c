package cache_test

import (
	"encoding/binary"
	"testing"
	"time"

	"credence/extauthz/cache"
	"credence/store/credential"
)

// manyKeys is a cache that holds n keys.
func manyKeys(tb testing.TB, n int) (*cache.Cache, []credential.Digest) {
	tb.Helper()
	finder := &slowStore{release: make(chan struct{})}
	close(finder.release)
	c := newCacheOver(tb, finder, func(o *cache.Options) { o.TTL, o.Ceiling = time.Hour, time.Hour })
	digests := make([]credential.Digest, n)
	for i := range digests {
		var number [8]byte
		binary.BigEndian.PutUint64(number[:], uint64(i))
		digests[i] = credential.DigestOf(number[:])
		if k, _, err := c.Find(tb.Context(), digests[i]); k == nil || err != nil {
			tb.Fatalf("key %v, error %v", k, err)
		}
	}
	return c, digests
}

func TestCachedAndFindOfAKnownKeyAllocateNothing(t *testing.T) {
	c, digests := manyKeys(t, 16)
	if allocs := testing.AllocsPerRun(1000, func() { c.Cached(digests[3]) }); allocs != 0 {
		t.Errorf("Cached: %v allocations", allocs)
	}
	if allocs := testing.AllocsPerRun(1000, func() { _, _, _ = c.Find(t.Context(), digests[3]) }); allocs != 0 {
		t.Errorf("Find: %v allocations", allocs)
	}
}

// BenchmarkCached reads from every processor at once: one hot key, and keys
// spread over a full cache.
func BenchmarkCached(b *testing.B) {
	c, digests := manyKeys(b, 50_000)
	b.Run("one key", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if c.Cached(digests[0]) == nil {
					b.Fail()
				}
			}
		})
	})
	b.Run("many keys", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if c.Cached(digests[i%len(digests)]) == nil {
					b.Fail()
				}
			}
		})
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if c.Cached(credential.Digest{}) != nil {
					b.Fail()
				}
			}
		})
	})
}
