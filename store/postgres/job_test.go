package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/store/postgres"
)

// Several processes run jobs of one kind: each job is run by one of them, and
// both take part.
func TestJobsAreSharedAmongProcesses(t *testing.T) {
	address := database(t)
	dbs := []*postgres.DB{open(t, options(address)), open(t, options(address))}
	const jobs = 40
	if err := dbs[0].Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		for n := range jobs {
			if err := w.InsertJob(ctx, store.Job{Kind: "hello", Args: fmt.Appendf(nil, "%d", n)}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		runs    = map[string]int{}
		allRan  = make(chan struct{})
		working = [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		once    [2]sync.Once
		running sync.WaitGroup
	)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	results := make([]error, len(dbs))
	for i, db := range dbs {
		running.Go(func() {
			results[i] = db.RunJobs(ctx, map[string]store.JobHandler{"hello": func(ctx context.Context, args json.RawMessage) error {
				once[i].Do(func() { close(working[i]) })
				select { // nobody goes on before the other has begun
				case <-working[1-i]:
				case <-ctx.Done():
					return ctx.Err()
				}
				mu.Lock()
				defer mu.Unlock()
				runs[string(args)]++
				if len(runs) == jobs {
					close(allRan)
				}
				return nil
			}})
		})
	}
	<-allRan
	stop()
	running.Wait()
	for i, err := range results {
		if err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	for args, n := range runs {
		if n != 1 {
			t.Errorf("job %s ran %d times", args, n)
		}
	}
}

// TestAJobThatIsDueIsHandedOutAtOnce: it does not wait for River's scheduler,
// which one process runs, and nobody while that process is dead.
func TestAJobThatIsDueIsHandedOutAtOnce(t *testing.T) {
	address := database(t)
	at := time.Now()
	o := options(address)
	o.Now = func() time.Time { return at }
	db := open(t, o)
	for kind, runAt := range map[string]time.Time{"at_once": {}, "due": at, "past": at.Add(-time.Hour), "later": at.Add(time.Second)} {
		if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
			return w.InsertJob(ctx, store.Job{Kind: kind, RunAt: runAt})
		}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	for kind, want := range map[string]string{"at_once": "available", "due": "available", "past": "available", "later": "scheduled"} {
		var state string
		if err := conn.QueryRow(t.Context(), "SELECT state FROM credence.river_job WHERE kind = $1", kind).Scan(&state); err != nil || state != want {
			t.Errorf("%s: %q, want %q, %v", kind, state, want, err)
		}
	}
}
