package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"credence/store"
)

const (
	// jobPoll is how soon a job that became due is noticed.
	jobPoll = 250 * time.Millisecond
	// jobWorkers bounds the jobs of one kind that run at the same time. There
	// is one writer, so more would only queue for it.
	jobWorkers = 4
	// jobTimeout ends the context of a job that does not come to an end.
	jobTimeout = 5 * time.Minute
	// jobStop is how long running jobs may go on once RunJobs is told to end.
	// Then their contexts end too, and they are tried again at the next start.
	jobStop = 20 * time.Second
)

// jobArgs is a job of any kind as River sees it: its arguments are the
// handler's own JSON, untouched.
type jobArgs struct {
	kind string
	raw  json.RawMessage
}

// Kind implements [river.JobArgs].
func (a jobArgs) Kind() string { return a.kind }

// InsertOpts gives each kind its own queue; see the package comment.
func (a jobArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: a.kind} }

// MarshalJSON answers the handler's own arguments.
func (a jobArgs) MarshalJSON() ([]byte, error) {
	if len(a.raw) == 0 {
		return []byte("{}"), nil
	}
	return a.raw, nil
}

// UnmarshalJSON keeps the arguments for the handler to read.
func (a *jobArgs) UnmarshalJSON(raw []byte) error {
	a.raw = append(json.RawMessage(nil), raw...)
	return nil
}

// newJobInserter makes the client of InsertJob. It has no workers and runs
// nothing; the pool is only for its driver's dialect.
func newJobInserter(pool *sql.DB, logger *slog.Logger) (*river.Client[*sql.Tx], error) {
	client, err := river.NewClient(riversqlite.New(pool), &river.Config{Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return client, nil
}

// InsertJob implements [store.JobWriter].
func (w *writer) InsertJob(ctx context.Context, j store.Job) error {
	if !json.Valid(j.Args) && len(j.Args) > 0 {
		return fmt.Errorf("insert job %s: %w: arguments are not JSON", j.Kind, store.ErrInvalid)
	}
	opts := &river.InsertOpts{ScheduledAt: j.RunAt}
	if _, err := w.jobs.InsertTx(ctx, w.tx, jobArgs{kind: j.Kind, raw: j.Args}, opts); err != nil {
		return fmt.Errorf("insert job %s: %w", j.Kind, translate(err))
	}
	return nil
}

// jobWorker runs the jobs of one kind.
type jobWorker struct {
	river.WorkerDefaults[jobArgs]

	handler store.JobHandler
}

// Work implements [river.Worker].
func (w *jobWorker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	return w.handler(ctx, job.Args.raw)
}

// RunJobs implements [store.JobRunner]. River judges due times by the clock of
// the machine.
func (db *DB) RunJobs(ctx context.Context, handlers map[string]store.JobHandler) error {
	if len(handlers) == 0 {
		<-ctx.Done()
		return nil
	}
	workers := river.NewWorkers()
	queues := make(map[string]river.QueueConfig, len(handlers))
	for kind, handler := range handlers {
		river.AddWorkerArgs(workers, jobArgs{kind: kind}, &jobWorker{handler: handler})
		queues[kind] = river.QueueConfig{MaxWorkers: jobWorkers}
	}
	client, err := river.NewClient(riversqlite.New(db.write), &river.Config{
		Logger:  db.logger,
		Queues:  queues,
		Workers: workers,
		// With one process there is nobody to be told by a notification that
		// polling would not find.
		PollOnly:          true,
		FetchPollInterval: jobPoll,
		JobTimeout:        jobTimeout,
		SoftStopTimeout:   jobStop,
	})
	if err != nil {
		return fmt.Errorf("run jobs: %w", err)
	}
	// The jobs that run when ctx ends are let finish, so their context must
	// not end with it; SoftStopTimeout bounds that.
	lasting := context.WithoutCancel(ctx)
	if err := client.Start(lasting); err != nil {
		return fmt.Errorf("run jobs: %w", translate(err))
	}
	<-ctx.Done()
	if err := client.Stop(lasting); err != nil {
		return fmt.Errorf("stop jobs: %w", translate(err))
	}
	return nil
}
