package feed

import (
	"context"
	"errors"
	"fmt"
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

// Keeper holds what a later process may start from, on disk, beside what the
// subscribers hold in memory.
type Keeper interface {
	// Keep MUST see to it that whoever starts from what is kept knows all that
	// the subscribers have applied by now. No position is reported before.
	Keep() error
	// Forget MUST see to it that nobody starts from what is kept. It is called
	// before the replica signs off: from then on nobody waits for it.
	Forget() error
}

// Resumed is a state in which the subscribers are already when the Follower is
// made: they have it from a snapshot.
type Resumed struct {
	Position store.Position
	LastRead time.Time // the instant of the snapshot; a start does not renew it
	// Later are the subscribers that have nothing of it. They are loaded when
	// the store answers, before anything is read.
	Later []Subscriber
}

// Options are what a Follower needs. Zero durations take the defaults named
// beside them.
type Options struct {
	Feed store.ChangeFeed
	// Registry is where the replica reports; nil when nobody needs to know.
	Registry store.ReplicaRegistry
	// Replica is the row that is reported: ID, Name, Address, Version,
	// StartedAt and Ceiling are the caller's, the rest is filled in.
	Replica store.Replica
	// Subscribers apply each batch in this order. The key cache goes first, so
	// that a revocation waits for nobody.
	Subscribers []Subscriber
	// Resumed has the Follower go on from a position instead of loading; nil
	// for a Follower that loads.
	Resumed *Resumed
	// Keeper is told before a position is reported and before the replica
	// signs off; nil for none.
	Keeper Keeper
	Now    func() time.Time
	Logger *slog.Logger

	Poll        time.Duration // between two reads; 1 second, varied by a tenth
	MaxBackoff  time.Duration // between two tries while the store fails; 2 seconds
	Timeout     time.Duration // of one call of the store; 5 seconds
	LoadTimeout time.Duration // of one Load or Apply; 1 minute
	Report      time.Duration // between two reports without news; 5 seconds
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	switch {
	case o.Feed == nil:
		return errors.New("feed options: Feed: missing")
	case o.Now == nil:
		return errors.New("feed options: Now: missing")
	case o.Logger == nil:
		return errors.New("feed options: Logger: missing")
	case o.Registry != nil && o.Replica.ID == "":
		return errors.New("feed options: Replica: no ID to report under; make one with store.NewID")
	case o.Registry != nil && o.Replica.Ceiling <= 0:
		return errors.New("feed options: Replica: no Ceiling; give the one of the key cache")
	}
	for i, s := range o.Subscribers {
		if s == nil {
			return fmt.Errorf("feed options: Subscribers: number %d is nil", i)
		}
	}
	for _, d := range o.durations() {
		if *d.value < 0 {
			return fmt.Errorf("feed options: %s: %s is negative; give a time, or 0 for the default", d.name, *d.value)
		}
	}
	return nil
}

type namedDuration struct {
	name     string
	value    *time.Duration
	standard time.Duration
}

func (o *Options) durations() []namedDuration {
	return []namedDuration{
		{"Poll", &o.Poll, time.Second},
		{"MaxBackoff", &o.MaxBackoff, 2 * time.Second},
		{"Timeout", &o.Timeout, 5 * time.Second},
		{"LoadTimeout", &o.LoadTimeout, time.Minute},
		{"Report", &o.Report, 5 * time.Second},
	}
}

// withDefaults fills in what was left zero.
func (o *Options) withDefaults() Options {
	full := *o
	for _, d := range full.durations() {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return full
}
