package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store"
	"credence/store/postgres"
)

// TestTwoControlPlanesWhoseClocksAreApart write one feed without a gap, and only
// one of them has a lease: neither goes by its own clock.
func TestTwoControlPlanesWhoseClocksAreApart(t *testing.T) {
	address := database(t)
	right, ahead := options(address), options(address)
	ahead.Now = func() time.Time { return time.Now().Add(time.Hour) }
	one, other := open(t, right), open(t, ahead)
	const each = 30
	var both errgroup.Group
	for name, db := range map[string]*postgres.DB{"one": one, "other": other} {
		both.Go(func() error {
			for i := range each {
				k := sampleKey(fmt.Sprintf("key_%s_%d", name, i))
				if _, err := insertKey(t.Context(), db, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	changes, err := one.ChangesAfter(t.Context(), store.Position{}, 1000)
	if err != nil || len(changes) != 2*each {
		t.Fatalf("%d changes, %v, want %d", len(changes), err, 2*each)
	}
	for i := range changes {
		if int(changes[i].Revision) != i+1 {
			t.Errorf("change %d has revision %d", i, changes[i].Revision)
		}
	}
	if held, err := one.TryLease(t.Context(), "housekeeping", "ctl_one", time.Minute); err != nil || !held {
		t.Fatalf("lease: %t, %v", held, err)
	}
	for range 3 {
		if held, err := other.TryLease(t.Context(), "housekeeping", "ctl_other", time.Minute); err != nil || held {
			t.Errorf("the one whose clock is an hour ahead has the lease, too: %t, %v", held, err)
		}
	}
}
