package feed

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// Subscriber holds something in memory that must stay in step with the feed.
// The follower calls it from one goroutine.
type Subscriber interface {
	// Load MUST read everything the subscriber needs before it can answer. It
	// is called after the head of the feed was read, at the start and after
	// every Restart; all later changes come through Apply.
	Load(ctx context.Context) error
	// Apply MUST make the changes effective before it returns. After an error
	// it is called again with the same changes, so it MUST be idempotent.
	Apply(ctx context.Context, changes []store.Change) error
	// Restart MUST give up whatever only the feed kept true: the feed does not
	// continue where it stopped. Load follows.
	Restart()
	// CaughtUp says that everything committed before the instant has been
	// applied.
	CaughtUp(at time.Time)
}

// Options are what a Follower needs. Zero durations take the defaults named
// beside them.
type Options struct {
	Feed store.ChangeFeed
	// Registry is where the replica reports; nil when nobody needs to know.
	Registry store.ReplicaRegistry
	// Replica is the row that is reported; ID, Name, Address, Version and
	// StartedAt are the caller's, the rest is filled in.
	Replica     store.Replica
	Subscribers []Subscriber
	Now         func() time.Time
	Logger      *slog.Logger

	Poll       time.Duration // between two reads; 1 second, varied by a tenth
	MaxBackoff time.Duration // between two tries while the store fails; 2 seconds
	Timeout    time.Duration // of one read or load; 10 seconds
	Report     time.Duration // between two reports; 5 seconds
}

// Follower reads the feed and has the subscribers apply it.
type Follower struct {
	options Options
	ready   chan struct{}
}

// New makes a Follower of valid options.
func New(o Options) (*Follower, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Follower{options: o, ready: make(chan struct{})}, nil
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	if o.Feed == nil {
		return errors.New("feed options: Feed: missing")
	}
	return nil
}

// Run follows the feed until ctx ends, then signs the replica off and
// answers nil.
func (f *Follower) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Ready is closed when every subscriber has been loaded for the first time.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Applied is the position up to which every subscriber has applied the feed.
func (f *Follower) Applied() store.Position { return store.Position{} }

// LastRead is the instant before the last read that left nothing unapplied;
// the zero time before the first.
func (f *Follower) LastRead() time.Time { return time.Time{} }
