package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"credence/store/credential"
)

func entryNumber(n int) *entry {
	return &entry{place: place{digest: digestNumber(n)}}
}

func digestNumber(n int) credential.Digest {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// TestTheIndexIsAMap: whatever is added, removed and cleared, also where many
// share a bucket.
func TestTheIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex[entry](rapid.SampledFrom([]int{0, 1, 3, 100}).Draw(t, "most"))
		model := map[int]*entry{}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if x.size() != len(model) {
					t.Fatalf("size %d, want %d", x.size(), len(model))
				}
				for n := range 60 {
					digest := digestNumber(n)
					if got := x.get(&digest); got != model[n] {
						t.Fatalf("%d: %p, want %p", n, got, model[n])
					}
				}
			},
			"add": func(t *rapid.T) {
				n := rapid.IntRange(0, 59).Draw(t, "n")
				if model[n] == nil {
					model[n] = entryNumber(n)
					x.add(model[n])
				}
			},
			"remove": func(t *rapid.T) {
				n := rapid.IntRange(0, 59).Draw(t, "n")
				if model[n] != nil {
					x.remove(model[n])
					delete(model, n)
				}
			},
			"clear": func(*rapid.T) {
				if len(model) > 30 {
					x.clear()
					clear(model)
				}
			},
		})
	})
}

// TestTheIndexIsReadWhileItChanges: what stays in it is found all the time, and
// nothing is found under another's digest.
func TestTheIndexIsReadWhileItChanges(t *testing.T) {
	x := newIndex[entry](30) // a few buckets, all of them shared
	for n := range 20 {
		x.add(entryNumber(n))
	}
	stop, cleared := make(chan struct{}), make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				digest := digestNumber(n % 40)
				e := x.get(&digest)
				select {
				case <-cleared:
				default:
					if e == nil && n%40 < 20 {
						t.Errorf("%d is not found", n%40)
						return
					}
				}
				if e != nil && e.digest != digest {
					t.Errorf("%d: found %v", n%40, e)
					return
				}
			}
		})
	}
	for turn := range 2000 {
		if turn == 1500 { // what stays goes, and comes again: nobody is found in another's place
			close(cleared)
			x.clear()
			for n := range 20 {
				x.add(entryNumber(n))
			}
		}
		var passing []*entry
		for n := range 20 {
			passing = append(passing, entryNumber(20+n))
			x.add(passing[n])
		}
		for _, e := range passing {
			x.remove(e)
		}
	}
	close(stop)
	readers.Wait()
}

// TestNearNamesWhatStandsUnderADigest, as good as always, and nothing where
// nothing is.
func TestNearNamesWhatStandsUnderADigest(t *testing.T) {
	const n = 1000
	x := newIndex[entry](n)
	var digests []*credential.Digest
	var want []*entry
	for i := range n {
		want = append(want, entryNumber(i))
		digests = append(digests, &want[i].digest)
	}
	if got := x.near(digests[:10], make([]*entry, 10)); slices.ContainsFunc(got, func(e *entry) bool { return e != nil }) {
		t.Errorf("found %v in an empty index", got)
	}
	for _, e := range want {
		x.add(e)
	}
	right := 0
	for i := 0; i < n; i += 50 {
		for j, e := range x.near(digests[i:i+50], make([]*entry, 50)) {
			if e == want[i+j] {
				right++
			}
		}
	}
	if right < n*9/10 {
		t.Errorf("%d of %d were right", right, n)
	}
	if got := x.near(digests, make([]*entry, n)); len(got) != mostNear {
		t.Errorf("%d at once", len(got))
	}
	if got := x.near(digests, make([]*entry, 3)); len(got) != 3 {
		t.Errorf("%d where there is room for 3", len(got))
	}
}

// TestAnEntryFillsWholeCacheLines, and no more of them than are fetched: with
// more than 512 bytes Go's allocator would put a header in front.
func TestAnEntryFillsWholeCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 512 {
		t.Errorf("%d bytes", size)
	}
	if size := unsafe.Sizeof(bucket[entry]{}); size != 64 {
		t.Errorf("a bucket has %d bytes", size)
	}
}
