package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
)

// held keeps the connection that writes until the test lets it go.
type held struct {
	db   *sqlite.DB
	free chan struct{}
	done chan error

	mu     sync.Mutex
	served []string
}

func hold(t *testing.T, db *sqlite.DB) *held {
	t.Helper()
	h := &held{db: db, free: make(chan struct{}), done: make(chan error, 1)}
	in := make(chan struct{})
	go func() {
		h.done <- db.Transact(t.Context(), func(context.Context, store.Writer) error { close(in); <-h.free; return nil })
	}()
	<-in
	return h
}

// waits fails the test unless so many come to wait for their turn.
func (h *held) waits(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond) // a queue tells nobody who joins it
	defer tick.Stop()
	for range 30_000 {
		if sqlite.Waiting(h.db) == n {
			return
		}
		<-tick.C
	}
	t.Fatalf("%d wait, want %d", sqlite.Waiting(h.db), n)
}

// note says that it is the turn of the name.
func (h *held) note(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.served = append(h.served, name)
}

// TestATenantsFloodHoldsUpNobodyElse of those who write: the deployment's own
// go first, and another tenant waits for one turn of the flood.
func TestATenantsFloodHoldsUpNobodyElse(t *testing.T) {
	db := create(t, options(t, time.Now))
	h := hold(t, db)
	var all sync.WaitGroup
	const flood = 300
	waiting := 0
	join := func(name string, lane store.Lane) {
		ctx := store.WithLane(t.Context(), lane)
		all.Go(func() {
			err := db.Transact(ctx, func(context.Context, store.Writer) error { h.note(name); return nil })
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		waiting++
		h.waits(t, waiting)
	}
	for range flood {
		join("a", store.Lane{Tenant: "a"})
	}
	join("b", store.Lane{Tenant: "b"})
	join("a revokes", store.Lane{Tenant: "a", Urgent: true})
	join("a global admin", store.Lane{})
	all.Go(func() {
		if held, err := db.TryLease(t.Context(), "cleanup", "ctl_1", time.Minute); err != nil || !held {
			t.Errorf("lease: %v, %v", held, err)
		}
	})
	h.waits(t, waiting+1)
	close(h.free)
	all.Wait()
	if err := <-h.done; err != nil {
		t.Error(err)
	}
	if want := []string{"a global admin", "a revokes", "b", "a"}; !slices.Equal(h.served[:len(want)], want) || len(h.served) != flood+3 {
		t.Errorf("%d were served, first %q, want first %q", len(h.served), h.served[:len(want)], want)
	}
}

// TestEveryWriterWaitsForItsTurn: what went past the queue would make the turns
// of the others meaningless.
func TestEveryWriterWaitsForItsTurn(t *testing.T) {
	db := create(t, options(t, time.Now))
	now := time.Now().UTC().Truncate(time.Microsecond)
	window := store.QuotaWindow{Subject: "key_1", Name: "day", Start: now, End: now.Add(time.Hour)}
	for name, write := range map[string]func(ctx context.Context) error{
		"Transact": func(ctx context.Context) error {
			return db.Transact(ctx, func(context.Context, store.Writer) error { return nil })
		},
		"ClaimSecrets": func(ctx context.Context) error {
			_, err := db.ClaimSecrets(ctx, store.SecretsFileSecrets, "f")
			return err
		},
		"TryLease":     func(ctx context.Context) error { _, err := db.TryLease(ctx, "n", "h", time.Minute); return err },
		"ReleaseLease": func(ctx context.Context) error { return db.ReleaseLease(ctx, "n", "h") },
		"ReserveQuota": func(ctx context.Context) error { _, _, err := db.ReserveQuota(ctx, window, 1, 2); return err },
		"ReturnQuota":  func(ctx context.Context) error { return db.ReturnQuota(ctx, window, 1) },
		"RemoveQuotas": func(ctx context.Context) error { _, err := db.RemoveQuotas(ctx, now); return err },
		"PutReplica": func(ctx context.Context) error {
			return db.PutReplica(ctx, store.Replica{ID: "rep_1", StartedAt: now, SeenAt: now})
		},
		"RemoveReplicas": func(ctx context.Context) error { _, err := db.RemoveReplicas(ctx, now); return err },
		"AddUsage": func(ctx context.Context) error {
			return db.AddUsage(ctx, store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: now, At: now})
		},
		"RecordUsageGaps": func(ctx context.Context) error { _, err := db.RecordUsageGaps(ctx, now); return err },
		"RollUsage":       func(ctx context.Context) error { _, err := db.RollUsage(ctx, now); return err },
		"RemoveUsage":     func(ctx context.Context) error { _, err := db.RemoveUsage(ctx, now); return err },
		"RemoveUsageSums": func(ctx context.Context) error { _, err := db.RemoveUsageSums(ctx, now, now); return err },
	} {
		t.Run(name, func(t *testing.T) {
			h := hold(t, db)
			ended := make(chan error, 1)
			go func() { ended <- write(t.Context()) }()
			h.waits(t, 1)
			close(h.free)
			if err := errors.Join(<-ended, <-h.done); err != nil {
				t.Error(err)
			}
			over, cancel := context.WithCancel(t.Context())
			h = hold(t, db)
			go func() { ended <- write(over) }()
			h.waits(t, 1)
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || strings.Contains(fmt.Sprint(err), "unavailable") {
				t.Errorf("who gives up gets %v", err)
			}
			h.waits(t, 0)
			close(h.free)
			if err := <-h.done; err != nil {
				t.Error(err)
			}
		})
	}
}
