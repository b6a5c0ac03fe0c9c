package snapshot

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"credence/store"
)

// Resumed tells how long a replica goes on from a snapshot. It is a
// feed.Subscriber.
type Resumed struct {
	readAt, until time.Time
	ahead         func() // called when the database does not know the snapshot's position
	logger        *slog.Logger
	over          atomic.Bool
}

// NewResumed watches over a replica that goes on from the state. ahead is
// called once if the database turns out not to continue where it ends.
func (s *State) NewResumed(logger *slog.Logger, ahead func()) *Resumed {
	return &Resumed{readAt: s.ReadAt, until: s.ReadAt.Add(s.folder.o.Ceiling), ahead: ahead, logger: logger}
}

// Active reports whether nothing was read from the database since.
func (r *Resumed) Active() bool { return !r.over.Load() }

// ReadAt is the instant of the snapshot, and Until when it is of no more use.
func (r *Resumed) ReadAt() time.Time { return r.readAt }

// Until is when decisions from the snapshot end.
func (r *Resumed) Until() time.Time { return r.until }

// Note is for people; "" when the database was read.
func (r *Resumed) Note() string {
	if !r.Active() {
		return ""
	}
	return "serving from the snapshot of " + r.readAt.UTC().Format(time.RFC3339) + ", until " + r.until.UTC().Format(time.RFC3339) +
		": the database could not be reached at the start"
}

// Load does nothing: CaughtUp follows.
func (r *Resumed) Load(context.Context) error { return nil }

// Apply does nothing: CaughtUp follows.
func (r *Resumed) Apply(context.Context, []store.Change) error { return nil }

// Restart means, where nothing was read before, that the snapshot belongs to
// another history of the database: a backup was restored, or it was replaced.
func (r *Resumed) Restart() {
	if r.over.Swap(true) {
		return
	}
	r.logger.Warn("snapshot is refused: the database does not continue where it ends; everything is read anew",
		slog.String("reason", string(ReasonFuture)))
	r.ahead()
}

// CaughtUp ends it: the replica is in step.
func (r *Resumed) CaughtUp(time.Time) {
	if !r.over.Swap(true) {
		r.logger.Info("database is followed again, after a start from the snapshot")
	}
}
