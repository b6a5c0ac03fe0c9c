package store

import (
	"context"
	"encoding/json"
	"time"
)

// Job is work that is not an answer to a caller. It is enqueued in the
// transaction of the change it belongs to, so it exists exactly if that
// change does.
type Job struct {
	Kind  string          // "blacklist_expire", ...: which handler runs it
	Args  json.RawMessage // the handler's own, small
	RunAt time.Time       // zero: as soon as possible
	// Once has at most one job of the kind with these arguments wait for RunAt:
	// whatever asks for the same again is served by it.
	Once bool
}

// JobWriter enqueues jobs inside a transaction.
type JobWriter interface {
	// InsertJob MUST make the job visible to workers only by the commit, and
	// answer ErrInvalid for arguments that are not JSON or a kind that is not
	// 1 to 64 of a-z 0-9 in words joined by _. Of a job with Once it MUST make
	// another unless an equal one waits for the same instant; one that runs
	// already does not count, since it may be past what this one is for.
	InsertJob(ctx context.Context, j Job) error
}

// JobHandler runs one job. A nil error ends it; an error has it tried again
// with growing pauses. It MUST be idempotent: a job can run more than once.
type JobHandler func(ctx context.Context, args json.RawMessage) error

// JobRunner works jobs off.
type JobRunner interface {
	// RunJobs MUST work due jobs off with the handler of their kind until ctx
	// ends, let running ones finish, and then return nil. A kind without a
	// handler stays queued.
	RunJobs(ctx context.Context, handlers map[string]JobHandler) error
}
