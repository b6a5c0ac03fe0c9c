package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
)

// A tenant that writes, and reads, as much as it can at once.
func TestATenantCannotTakeThePoolFromTheOthers(t *testing.T) {
	address := database(t)
	holder, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	exec := func(sql string) {
		t.Helper()
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	o := options(address)
	o.MaxConns, o.StatementTimeout, o.LockTimeout = 10, time.Second, time.Minute
	db := open(t, o)
	exec("BEGIN; SELECT FROM credence.revision_counter FOR UPDATE; LOCK TABLE credence.ip_blacklist")

	tenant := store.WithLane(t.Context(), store.Lane{Tenant: "a"})
	flood, end := context.WithCancel(tenant)
	defer end()
	var crowd sync.WaitGroup
	for range 64 {
		crowd.Go(func() { _, _ = insertKey(flood, db, sampleKey("key_1")) }) // waits for the lock, or its turn
		crowd.Go(func() {
			for flood.Err() == nil { // each waits for the locked table until its bound
				_, _, _ = db.BlacklistRules(flood, []string{"a"}, store.Page{})
			}
		})
	}
	until(t, "the tenant floods", func() bool { return postgres.Waiting(db) >= 64-2+64-4 })

	for range 5 {
		if _, err := db.TokenByHash(t.Context(), credential.Digest{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a token cannot be looked up: %v", err)
		}
		if _, err := db.FindKey(t.Context(), make([]credential.Hash, 1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the data plane cannot find a key: %v", err)
		}
		if _, err := db.Head(t.Context()); err != nil {
			t.Errorf("the data plane cannot read the feed: %v", err)
		}
	}
	written := make(chan error, 1)
	go func() {
		_, err := insertKey(t.Context(), db, sampleKey("key_own"))
		written <- err
	}()
	exec("ROLLBACK")
	if err := <-written; err != nil {
		t.Errorf("a global admin cannot write: %v", err)
	}
	end()
	crowd.Wait()
}
