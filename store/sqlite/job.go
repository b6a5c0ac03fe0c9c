package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

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
	// maxKind is River's bound on the name of a queue.
	maxKind = 64
)

var kindForm = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// jobArgs is a job of any kind as River sees it. The handler's own arguments
// travel as a member of an object and not bare: River hands SQLite the text of
// its arguments as a BLOB, and a BLOB that happens to look like SQLite's
// binary JSON is read as that. Any bare number, string or list does, and so
// does an object of exactly eight bytes; {"args": ...} cannot.
type jobArgs struct {
	kind string
	Args json.RawMessage `json:"args"`
	// At sets jobs with Once apart that wait for different instants, in
	// microseconds.
	At int64 `json:"at,omitempty"`
}

// Kind implements [river.JobArgs].
func (a jobArgs) Kind() string { return a.kind }

// InsertOpts gives each kind its own queue; see the package comment.
func (a jobArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: a.kind} }

// jobClock is the clock of Options as River takes one.
type jobClock struct{ now func() time.Time }

// Now implements [rivertype.TimeGenerator].
func (c jobClock) Now() time.Time { return c.now() }

// NowOrNil implements [rivertype.TimeGenerator]: the instant that statements
// use, in place of the database's own.
func (c jobClock) NowOrNil() *time.Time {
	now := c.now()
	return &now
}

// jobConfig is what the client that inserts and the one that runs share. The
// field Test is the one way to give River a clock; nothing else of it is used.
func jobConfig(now func() time.Time, logger *slog.Logger) *river.Config {
	return &river.Config{Logger: store.LibraryLogger(logger), Test: river.TestConfig{Time: jobClock{now: now}}}
}

// newJobInserter makes the client of InsertJob. It has no workers and runs
// nothing; the pool is only for its driver's dialect.
func newJobInserter(pool *sql.DB, now func() time.Time, logger *slog.Logger) (*river.Client[*sql.Tx], error) {
	client, err := river.NewClient(riversqlite.New(pool), jobConfig(now, logger))
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return client, nil
}

// InsertJob implements [store.JobWriter].
func (w *writer) InsertJob(ctx context.Context, j store.Job) error {
	if len(j.Kind) > maxKind || !kindForm.MatchString(j.Kind) {
		return fmt.Errorf("insert job %q: %w: a kind is 1 to %d of a-z 0-9, in words joined by _", j.Kind, store.ErrInvalid, maxKind)
	}
	args := j.Args
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if !json.Valid(args) {
		return fmt.Errorf("insert job %s: %w: its arguments are not JSON", j.Kind, store.ErrInvalid)
	}
	is, opts := jobArgs{kind: j.Kind, Args: args}, &river.InsertOpts{}
	// What is due is handed to the workers at once. With a time it would wait for
	// River's scheduler, which passes every few seconds, and not at all while the
	// process that ran it is dead and no other has taken over.
	if j.RunAt.After(w.now()) {
		opts.ScheduledAt = j.RunAt
	}
	if j.Once {
		is.At, opts.UniqueOpts = j.RunAt.UnixMicro(), river.UniqueOpts{ByArgs: true, ByState: jobWaits()}
	}
	for {
		made, err := w.jobs.InsertTx(ctx, w.tx, is, opts)
		if err != nil {
			return fmt.Errorf("insert job %s: %w", j.Kind, translate(err))
		}
		if !made.UniqueSkippedAsDuplicate || made.Job.State != rivertype.JobStateRunning {
			return nil
		}
		is.At++ // the one that runs may be past what this one is for
	}
}

// jobWaits are the states of a job that has its work before it. River wants the
// one that runs among them.
func jobWaits() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// jobWorker runs the jobs of one kind.
type jobWorker struct {
	river.WorkerDefaults[jobArgs]

	handler store.JobHandler
}

// Work implements [river.Worker].
func (w *jobWorker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	return w.handler(ctx, job.Args.Args)
}

// RunJobs implements [store.JobRunner].
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
	config := jobConfig(db.now, db.logger)
	config.Queues, config.Workers = queues, workers
	// There is one process, and polling finds what a notification would tell.
	config.PollOnly, config.FetchPollInterval = true, jobPoll
	config.JobTimeout, config.SoftStopTimeout = jobTimeout, jobStop
	client, err := river.NewClient(riversqlite.New(db.write.pool), config)
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
