package extauthz

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"credence/extauthz/cache"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// keyBudget is the most live heap that a key in the cache may take, its share
// of the indexes and its encoded answers included (docs/sizing.md).
const keyBudget = 1024

// tenants is a store whose keys belong to a few owners and plans, as those of
// a platform do.
type tenants struct{ made int }

func (s *tenants) FindKey(_ context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	s.made++
	return store.KeyRecord{
		Key: store.Key{
			KeyID: fmt.Sprintf("key_01jd6q0000000000%010d", s.made), Namespace: "default", Name: "bench",
			Owner: fmt.Sprintf("team-%d", s.made%100), Plan: "gold", KeyType: store.KeyTypeService, Status: store.StatusActive,
			Environment: "live", Scopes: []string{"orders:read", "orders:write"}, Hash: hashes[0], ChecksumID: "c1",
		},
		PlanLimits: []limit.Limit{
			{Name: "second", Limit: 100, Period: time.Second, Burst: 200},
			{Name: "hour", Limit: 10_000, Period: time.Hour, Burst: 10_000},
		},
	}, nil
}

// TestACachedKeyTakesAtMostItsBudgetOfMemory with two limits, two scopes, an
// owner and a plan.
func TestACachedKeyTakesAtMostItsBudgetOfMemory(t *testing.T) {
	const n = 20_000
	encode, err := Encoder(AnswerOptions{})
	must(t, err)
	secrets, err := credential.NewSecrets(zeros{})
	must(t, err)
	keys, err := cache.New(cache.Options{Store: &tenants{}, Secrets: secrets, Now: time.Now, Size: n, Encode: encode})
	must(t, err)
	keys.CaughtUp(time.Now())
	before := liveHeap()
	for i := range n {
		if k, _, err := keys.Find(t.Context(), credential.DigestOf(fmt.Appendf(nil, "%d", i))); k == nil || err != nil {
			t.Fatal(k, err)
		}
	}
	perKey := (liveHeap() - before) / n
	runtime.KeepAlive(keys)
	t.Logf("%d bytes for each of %d keys", perKey, n)
	if perKey > keyBudget {
		t.Errorf("a cached key takes %d bytes, budget %d", perKey, keyBudget)
	}
}

func liveHeap() int64 {
	for range 3 { // what finalizers and pools let go of takes a second round
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
