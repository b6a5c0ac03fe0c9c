package storetest

import (
	"context"

	"credence/store"
	"credence/store/credential"
)

func finderPromises() []promise {
	return []promise{
		{"FindKey", "answers the key that has one of the hashes", func(f *fixture) {
			f.insertKeys(f.bareKey(1), f.bareKey(2), f.bareKey(3))
			for n := 1; n <= 8; n++ {
				hashes := []credential.Hash{keyHash(2)}
				for other := range n - 1 {
					hashes = append([]credential.Hash{keyHash(100 + other)}, hashes...)
				}
				k, err := f.backend.FindKey(f.Context(), hashes)
				f.ok(err)
				equal(f, k, store.KeyRecord{Key: f.bareKey(2)})
			}
		}},
		{"FindKey", "answers the limits of plan and owner", func(f *fixture) {
			f.references()
			f.insertKeys(f.fullKey(1))
			k, err := f.backend.FindKey(f.Context(), []credential.Hash{keyHash(1)})
			f.ok(err)
			plan, owner := f.samplePlan("tenant", "basic"), f.sampleOwner("tenant", "team")
			equal(f, k, store.KeyRecord{
				Key: decided(f.fullKey(1)), PlanLimits: plan.Limits, PlanQuotas: plan.Quotas, OwnerLimits: owner.Limits, OwnerQuotas: owner.Quotas,
			})
		}},
		{"FindKey", "answers ErrNotFound when there is none", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			_, err := f.backend.FindKey(f.Context(), []credential.Hash{keyHash(2), keyHash(3)})
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.FindKey(f.Context(), nil)
			f.refused(err, store.ErrNotFound)
		}},
		{"FindKey", "answers revoked disabled and suspended keys too", func(f *fixture) {
			statuses := []store.Status{store.StatusRevoked, store.StatusDisabled, store.StatusSuspended}
			for n, status := range statuses {
				k := f.bareKey(n)
				k.Status = status
				f.insertKeys(k)
				got, err := f.backend.FindKey(f.Context(), []credential.Hash{keyHash(n)})
				f.ok(err)
				equal(f, got.Status, status)
			}
		}},
		{"FindKey", "does not find purged keys", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
			_, err := f.backend.FindKey(f.Context(), []credential.Hash{keyHash(1), {}})
			f.refused(err, store.ErrNotFound)
		}},
	}
}
