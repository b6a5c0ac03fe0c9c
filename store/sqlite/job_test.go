package sqlite_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"credence/store"
)

// TestAJobThatIsDueIsHandedOutAtOnce: it does not wait for River's scheduler,
// which one process runs, and nobody while that process is dead.
func TestAJobThatIsDueIsHandedOutAtOnce(t *testing.T) {
	at := time.Now()
	o := options(t, func() time.Time { return at })
	db := create(t, o)
	for kind, runAt := range map[string]time.Time{"at_once": {}, "due": at, "past": at.Add(-time.Hour), "later": at.Add(time.Second)} {
		if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
			return w.InsertJob(ctx, store.Job{Kind: kind, RunAt: runAt})
		}); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := sql.Open("sqlite", "file:"+o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close() //nolint:errcheck // only read
	for kind, want := range map[string]string{"at_once": "available", "due": "available", "past": "available", "later": "scheduled"} {
		var state string
		if err := pool.QueryRowContext(t.Context(), "SELECT state FROM river_job WHERE kind = ?", kind).Scan(&state); err != nil || state != want {
			t.Errorf("%s: %q, want %q, %v", kind, state, want, err)
		}
	}
}
