package storetest

import (
	"errors"
	"time"

	"credence/store"
)

func usedKeyPromises() []promise {
	used := func(f *fixture, most int) []store.KeyRecord {
		f.Helper()
		var all []store.KeyRecord
		f.ok(f.backend.UsedKeys(f.Context(), most, func(k store.KeyRecord) error {
			all = append(all, k)
			return nil
		}))
		return all
	}
	return []promise{
		{"UsedKeys", "hands out active keys with their limits", func(f *fixture) {
			f.references()
			full := f.fullKey(1)
			full.Status = store.StatusActive
			f.insertKeys(full)
			for n, status := range []store.Status{store.StatusRevoked, store.StatusDisabled, store.StatusSuspended} {
				k := f.bareKey(n + 2)
				k.Status = status
				f.insertKeys(k)
			}
			got := used(f, 10)
			if len(got) != 1 {
				f.Fatalf("%d keys", len(got))
			}
			equal(f, got[0].KeyID, f.fullKey(1).KeyID)
			equal(f, got[0].PlanLimits, f.samplePlan("tenant", "basic").Limits)
			equal(f, got[0].OwnerQuotas, f.sampleOwner("tenant", "team").Quotas)
		}},
		{"UsedKeys", "begins with the newest of keys never used, and hands out at most so many", func(f *fixture) {
			for n := 1; n <= 5; n++ {
				k := f.bareKey(n)
				k.CreatedAt = k.CreatedAt.Add(time.Duration(n) * time.Minute)
				f.insertKeys(k)
			}
			got := used(f, 3)
			if len(got) != 3 {
				f.Fatalf("%d keys", len(got))
			}
			for i, n := range []int{5, 4, 3} {
				equal(f, got[i].KeyID, f.bareKey(n).KeyID)
			}
		}},
		{"UsedKeys", "stops with the error of each", func(f *fixture) {
			f.insertKeys(f.bareKey(1), f.bareKey(2))
			enough, calls := errors.New("enough"), 0
			err := f.backend.UsedKeys(f.Context(), 10, func(store.KeyRecord) error { calls++; return enough })
			if !errors.Is(err, enough) || calls != 1 {
				f.Errorf("%d calls, error %v", calls, err)
			}
		}},
	}
}
