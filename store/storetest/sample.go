package storetest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// The samples below fill every field, so that a column that is forgotten, or
// swapped with another, is seen.

func keyID(n int) string { return fmt.Sprintf("%s%026d", store.KeyIDPrefix, n) }

func keyHash(n int) credential.Hash {
	return credential.Hash(credential.DigestOf(fmt.Appendf(nil, "sample %d", n)))
}

// bareKey is a key that refers to nothing but its namespace.
func (f *fixture) bareKey(n int) store.Key {
	now := f.clock.now()
	return store.Key{
		KeyID: keyID(n), Namespace: store.DefaultNamespace, Name: fmt.Sprintf("bare %d", n), KeyType: store.KeyTypeService,
		Status: store.StatusActive, Environment: "live", Hash: keyHash(n), CreatedAt: now, UpdatedAt: now, StatusAt: now, Version: 1,
	}
}

// fullKey is a key with every field set; it needs the plan and the owner of
// [fixture.references].
func (f *fixture) fullKey(n int) store.Key {
	now := f.clock.now()
	return store.Key{
		KeyID: keyID(n), Namespace: "tenant", Name: "Full_%key", Owner: "team", KeyType: store.KeyTypeIntegration,
		Status: store.StatusDisabled, StatusReason: "left the company", Environment: "test", Plan: "basic",
		Scopes:   []string{"orders:read", "orders:write"},
		Limits:   []limit.Limit{{Name: "second", Limit: 10, Period: time.Second, Burst: 20}, {Name: "hour", Limit: 1000, Period: time.Hour}},
		Quotas:   []limit.Quota{{Name: "daily", Limit: 5000, Period: limit.QuotaDay}},
		Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Hosts:    []string{"api.example.com", "*.example.org"}, Methods: []string{"GET", "POST"}, Paths: []string{"/orders/*"},
		Labels:    map[string]string{"cost.centre": "42", `odd"name`: ""},
		NotBefore: now.Add(-time.Hour), ExpiresAt: now.Add(720 * time.Hour),
		Hash: keyHash(n), PepperID: "p1", ChecksumID: "c1",
		CreatedAt: now.Add(-time.Minute), UpdatedAt: now, StatusAt: now.Add(-time.Microsecond), Version: 3,
		LimitsID: keyID(97), Predecessor: keyID(98), Successor: keyID(99), RotatedAt: now.Add(-time.Second),
		GraceEndsAt: now.Add(time.Hour), CloseWhenSilent: 90 * time.Minute, RotateEvery: 720 * time.Hour, Throttle: 25,
	}
}

// decided is the key as the data plane reads it: without what no decision
// rests on.
func decided(k store.Key) store.Key {
	k.Predecessor, k.Successor, k.RotatedAt, k.CloseWhenSilent = "", "", time.Time{}, 0
	k.RotateEvery = 0
	return k
}

func (f *fixture) samplePlan(namespace, name string) store.Plan {
	now := f.clock.now()
	return store.Plan{
		Namespace: namespace, Name: name, Description: "for everybody",
		Limits:    []limit.Limit{{Name: "plan", Limit: 7, Period: time.Minute, Burst: 9}},
		Quotas:    []limit.Quota{{Name: "monthly", Limit: 70, Period: limit.QuotaMonth}},
		CreatedAt: now, UpdatedAt: now.Add(time.Second), Version: 1,
	}
}

func (f *fixture) sampleOwner(namespace, name string) store.Owner {
	now := f.clock.now()
	return store.Owner{
		Namespace: namespace, Name: name, Description: "builds things", Contact: "team@example.com",
		Limits:    []limit.Limit{{Name: "owner", Limit: 8, Period: time.Minute, Burst: 3}},
		Quotas:    []limit.Quota{{Name: "daily", Limit: 80, Period: limit.QuotaDay}},
		CreatedAt: now, UpdatedAt: now.Add(time.Second), Version: 1,
	}
}

func (f *fixture) sampleNamespace(name string) store.Namespace {
	now := f.clock.now()
	return store.Namespace{
		Name: name, Description: "a tenant", KeyPrefix: "tnt", Environment: "test",
		CreatedAt: now, UpdatedAt: now.Add(time.Second), Version: 1,
	}
}

func (f *fixture) sampleRule(id, namespace, network string) store.BlacklistRule {
	now := f.clock.now()
	return store.BlacklistRule{
		ID: id, Namespace: namespace, Network: netip.MustParsePrefix(network), Reason: "scanner", Source: "feed",
		EndsAt: now.Add(time.Hour), CreatedBy: "token:tok_1", CreatedAt: now,
	}
}

func (f *fixture) sampleToken(n int) store.Token {
	now := f.clock.now()
	return store.Token{
		ID: fmt.Sprintf("%s%026d", store.TokenIDPrefix, n), Name: "ci", Role: store.RoleOperator, Namespaces: []string{"default", "tenant"},
		Hash: credential.DigestOf(fmt.Appendf(nil, "token %d", n)), ExpiresAt: now.Add(time.Hour),
		CreatedBy: "token:tok_0", CreatedAt: now, LastUsedAt: now.Add(-time.Minute),
	}
}

// references makes what a full key refers to: the namespace "tenant", and in
// it the plan "basic" and the owner "team".
func (f *fixture) references() {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertNamespace(ctx, f.sampleNamespace("tenant")); err != nil {
			return err
		}
		if err := tx.InsertPlan(ctx, f.samplePlan("tenant", "basic")); err != nil {
			return err
		}
		return tx.InsertOwner(ctx, f.sampleOwner("tenant", "team"))
	})
}

func (f *fixture) insertKeys(keys ...store.Key) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, k := range keys {
			if err := tx.InsertKey(ctx, k); err != nil {
				return err
			}
		}
		return nil
	})
}
