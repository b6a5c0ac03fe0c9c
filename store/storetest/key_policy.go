package storetest

import (
	"context"
	"time"

	"credence/store"
)

func keyPolicyPromises() []promise {
	return []promise{
		{"KeyPolicies", "answers one for each key type, the global one where the namespace has none", func(f *fixture) {
			f.references()
			own := f.samplePolicy("tenant")
			noZeroField(f, own)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKeyPolicy(ctx, own) })
			global := f.policies("")
			inOrder(f, names(global, func(p store.KeyPolicy) string { return p.Namespace + "/" + string(p.KeyType) }),
				"/user", "/service", "/integration", "/system", "/emergency")
			of := f.policies("tenant")
			equal(f, of[2], own)
			for _, i := range []int{0, 1, 3, 4} {
				equal(f, of[i], global[i])
			}
		}},
		{"KeyPolicies", "answers the global ones for no namespace, which leave all but emergency keys alone", func(f *fixture) {
			for _, p := range f.policies("") {
				bound := p.LongestLife > 0 || p.DefaultLife > 0 || p.ExpiryRequired || p.ReasonRequired
				equal(f, bound, p.KeyType == store.KeyTypeEmergency)
				equal(f, p.ScopesRequired || p.RotateEvery > 0, false)
			}
		}},
		{"InsertKeyPolicy", "answers ErrConflict when the namespace has one", func(f *fixture) {
			f.references()
			insert := func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertKeyPolicy(ctx, f.samplePolicy("tenant"))
			}
			f.do(insert)
			f.refused(f.try(insert), store.ErrConflict)
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKeyPolicy(ctx, f.samplePolicy("")) }), store.ErrConflict)
		}},
		{"InsertKeyPolicy", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertKeyPolicy(ctx, f.samplePolicy("nobody"))
			}),
				store.ErrMissingReference)
		}},
		{"UpdateKeyPolicy", "writes only the version that was read and stores the next", func(f *fixture) {
			f.references()
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertKeyPolicy(ctx, f.samplePolicy("tenant"))
			})
			for namespace, version := range map[string]int64{"": 1, "tenant": 3} {
				p := f.samplePolicy(namespace)
				p.LongestLife, p.ReasonRequired, p.Version = time.Minute, false, version
				update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateKeyPolicy(ctx, p) }
				f.do(update)
				f.refused(f.try(update), store.ErrStale)
				p.Version++
				equal(f, f.policies(namespace)[2], p)
			}
		}},
		{"UpdateKeyPolicy", "answers ErrNotFound when the namespace has none of its own", func(f *fixture) {
			f.references()
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.UpdateKeyPolicy(ctx, f.samplePolicy("tenant"))
			}), store.ErrNotFound)
		}},
		{"DeleteKeyPolicy", "has the namespace keep to the global one again", func(f *fixture) {
			f.references()
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertKeyPolicy(ctx, f.samplePolicy("tenant"))
			})
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteKeyPolicy(ctx, "tenant", store.KeyTypeIntegration, version)
				})
			}
			f.refused(remove(9), store.ErrStale)
			f.ok(remove(3))
			f.refused(remove(3), store.ErrNotFound)
			equal(f, f.policies("tenant"), f.policies(""))
		}},
	}
}

func (f *fixture) policies(namespace string) []store.KeyPolicy {
	f.Helper()
	found, err := f.backend.KeyPolicies(f.Context(), namespace)
	f.ok(err)
	return found
}

// samplePolicy is one for integrations, with every field set.
func (f *fixture) samplePolicy(namespace string) store.KeyPolicy {
	return store.KeyPolicy{
		Namespace: namespace, KeyType: store.KeyTypeIntegration, LongestLife: 720 * time.Hour, DefaultLife: 90 * time.Minute,
		RotateEvery: 2160 * time.Hour, WarnBefore: 48 * time.Hour, ExpiryRequired: true, ScopesRequired: true, ReasonRequired: true,
		UpdatedAt: f.clock.now(), Version: 3,
	}
}
