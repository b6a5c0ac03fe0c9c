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

// BenchmarkAddUsage adds a batch of 500 keys out of twenty thousand, each once,
// as a replica does that is asked with many keys. The time is that of a batch.
func BenchmarkAddUsage(b *testing.B) {
	const keys, rows = 20_000, 500
	db := create(b, options(b, time.Now))
	now := time.Now()
	for first := 0; first < keys; first += rows {
		err := db.Transact(b.Context(), func(ctx context.Context, w store.Writer) error {
			for n := first; n < first+rows; n++ {
				if err := w.InsertKey(ctx, store.Key{
					KeyID: fmt.Sprintf("key_%026d", n), Namespace: "default", KeyType: store.KeyTypeService, Status: store.StatusActive,
					Hash: benchHash(n), CreatedAt: now, UpdatedAt: now,
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	batch := store.UsageBatch{Replica: "rep_bench", Started: now, At: now}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		batch.Sequence++
		batch.Keys, batch.Used = batch.Keys[:0], batch.Used[:0]
		at := now.Add(time.Duration(n*rows/keys) * time.Minute)
		for i := range rows {
			id := fmt.Sprintf("key_%026d", (n*rows+i)%keys)
			batch.Keys = append(batch.Keys, store.KeyUsage{
				Minute: at.Truncate(time.Minute), Minutes: 1, KeyID: id, Reason: "allowed", Checks: 1, Latency: time.Millisecond,
			})
			batch.Used = append(batch.Used, store.KeyLastUse{KeyID: id, At: at})
		}
		if err := db.AddUsage(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
