package sqlite_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// BenchmarkFindKey looks up keys among ten thousand, one after the other and
// from several goroutines; "miss" is an unknown hash.
func BenchmarkFindKey(b *testing.B) {
	const keys = 10_000
	db := create(b, options(b, time.Now))
	err := db.Transact(b.Context(), func(ctx context.Context, w store.Writer) error {
		now := time.Now()
		if err := w.InsertPlan(ctx, store.Plan{
			Namespace: "default", Name: "basic", Limits: []limit.Limit{{Name: "plan", Limit: 10, Period: time.Second}}, CreatedAt: now, UpdatedAt: now,
		}); err != nil {
			return err
		}
		for n := range keys {
			if err := w.InsertKey(ctx, store.Key{
				KeyID: fmt.Sprintf("key_%026d", n), Namespace: "default", Plan: "basic", KeyType: store.KeyTypeService, Status: store.StatusActive,
				Scopes: []string{"orders:read"}, Hash: benchHash(n), CreatedAt: now, UpdatedAt: now,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	find := func(tb testing.TB, n int) {
		tb.Helper()
		if _, err := db.FindKey(tb.Context(), []credential.Hash{benchHash(n)}); (err == nil) != (n < keys) {
			tb.Error(err)
		}
	}
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			find(b, n%keys)
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			find(b, keys)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				find(b, n%keys)
			}
		})
	})
}

func benchHash(n int) credential.Hash {
	return credential.Hash(credential.DigestOf(binary.BigEndian.AppendUint64(nil, uint64(n))))
}
