package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"credence/extauthz/cache"
	"credence/store"
)

// Sources are what is kept. The fields without a comment are those of packages
// cache, blacklist and routes.
type Sources struct {
	Keys interface {
		Keep(ctx context.Context, each func([]cache.Kept) error) error
	}
	Blacklist interface {
		Rules() []store.BlacklistRule
		Rule(id string) (store.BlacklistRule, bool)
	}
	Routes interface {
		Policies() []store.RoutePolicy
		Policy(name string) (store.RoutePolicy, bool)
	}
	Applied func() store.Position       // of the follower
	Share   func() (rank, replicas int) // of the limits
	Replica string                      // the id of the row that stands for us
	Warmed  <-chan struct{}             // closed when the first body is worth writing
}

// KeeperOptions are what a Keeper needs.
type KeeperOptions struct {
	Sources

	Every  time.Duration // between two bodies at least; more when one takes long
	Logger *slog.Logger
}

// Keeper keeps the snapshot of a running replica in step with it. As a
// feed.Subscriber it comes last: what it writes down is effective by then. It
// is the follower's feed.Keeper, too.
type Keeper struct {
	folder *Folder
	o      KeeperOptions
	wanted chan struct{} // holds a value when a body is to be written

	mu       sync.Mutex // held for single writes, never while a body is written
	current  *file      // nil: there is no snapshot
	last     store.Position
	readAt   time.Time // zero: not in step
	begun    int       // times that the feed began anew
	body     bool      // one is being written,
	pending  []record  // and this has been applied since it began
	left     bool      // signed off
	stuck    error     // why the file could not be removed,
	stuckTil time.Time // which is of no more use after that
	stats    Stats
}

// Stats describe the snapshot, and count since the start.
type Stats struct {
	Written  int64     // bodies
	Failures int64     // bodies and changes that could not be written
	Keys     int       // in the last body
	Bytes    int64     // of the file
	ReadAt   time.Time // the instant in the file; zero without one
	Problem  string    // why there is none; "" where there is, or soon will be
}

// Keep makes the Keeper. [Keeper.Run] writes.
func (f *Folder) Keep(o KeeperOptions) (*Keeper, error) {
	switch {
	case o.Keys == nil, o.Blacklist == nil, o.Routes == nil, o.Applied == nil, o.Share == nil, o.Warmed == nil:
		return nil, errors.New("snapshot keeper: Sources: give all of them")
	case o.Every <= 0:
		return nil, fmt.Errorf("snapshot keeper: Every: %s is not positive", o.Every)
	case o.Logger == nil:
		return nil, errors.New("snapshot keeper: Logger: missing")
	}
	return &Keeper{folder: f, o: o, wanted: make(chan struct{}, 1)}, nil
}

// Stats answers the state.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.stats
	if k.current != nil {
		s.Bytes, s.ReadAt = k.current.end, time.Unix(0, k.current.slot.readAt)
	}
	return s
}

// Load removes what an earlier process has left: it knows nothing of what is
// applied from now on.
func (k *Keeper) Load(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.beginAnew()
	if err := k.owed(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// Restart removes the snapshot: the history it belongs to may be no more.
func (k *Keeper) Restart() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.beginAnew()
}

func (k *Keeper) beginAnew() {
	k.begun++
	k.last, k.readAt, k.pending = store.Position{}, time.Time{}, nil
	k.drop(nil)
}

// Apply writes the changes into the journal. Where that fails there is no
// snapshot any more, or [Keeper.Keep] says so.
func (k *Keeper) Apply(_ context.Context, batch []store.Change) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(batch) > 0 && batch[0].Revision <= k.last.Revision {
		batch = batch[1:] // applied again after an error of another subscriber
	}
	if len(batch) == 0 {
		return nil
	}
	r := k.record(batch)
	k.last = r.To
	if k.body {
		k.pending = append(k.pending, r)
	}
	if len(k.pending) > maxPending {
		k.begun++ // gives the body up
		k.pending = nil
	}
	if k.current == nil {
		return nil
	}
	if err := k.current.add(&r); err != nil {
		k.drop(err)
		return nil
	}
	switch journal := k.current.journal; {
	case journal > 4*maxJournal:
		k.drop(errors.New("the journal has become too long"))
	case journal > maxJournal:
		k.want()
	}
	return nil
}

func (k *Keeper) record(batch []store.Change) record {
	last := &batch[len(batch)-1]
	r := record{To: store.Position{Revision: last.Revision, ID: last.ID}, Changes: make([]change, 0, len(batch))}
	for i := range batch {
		c := &batch[i]
		r.Changes = append(r.Changes, change{c.Revision, c.Kind, c.Namespace, c.ObjectID, c.Hash})
		if c.Kind == store.ChangeBlacklist {
			rule, held := k.o.Blacklist.Rule(c.ObjectID)
			r.Rules = append(r.Rules, ruleNow{c.ObjectID, held, rule})
		}
		if c.Kind == store.ChangeRoutePolicy {
			policy, held := k.o.Routes.Policy(c.ObjectID)
			r.Policies = append(r.Policies, policyNow{c.ObjectID, held, policy})
		}
	}
	return r
}

// CaughtUp notes the instant from which the ceiling is counted, once a second.
func (k *Keeper) CaughtUp(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := k.readAt.IsZero()
	k.readAt = at
	if first || k.current == nil {
		k.want()
	}
	if k.current == nil || at.UnixNano()-k.current.slot.readAt < int64(time.Second) {
		return
	}
	if err := k.current.read(at, k.folder.o.Machine()); err != nil {
		k.drop(err)
	}
}

// Keep implements feed.Keeper.
func (k *Keeper) Keep() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil {
		if err := k.current.durable(); err != nil {
			k.drop(err)
		}
	}
	return k.owed()
}

// Forget implements feed.Keeper: no snapshot is written any more.
func (k *Keeper) Forget() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = true
	k.drop(nil)
	return k.owed()
}

// drop removes the snapshot. A cause is why it can no longer be kept.
func (k *Keeper) drop(cause error) {
	if cause != nil {
		k.stats.Failures++
		k.stats.Problem = cause.Error()
		k.o.Logger.Warn("snapshot was removed, because it cannot be kept in step", slog.Any("error", cause))
	}
	if k.current != nil {
		_ = k.current.f.Close() // it goes
		k.current = nil
	}
	if err := k.folder.remove(); err != nil {
		k.stuck, k.stuckTil = err, k.folder.o.Now().Add(k.folder.o.Ceiling)
	}
}

// owed tries again to remove what could not be removed. What is older than the
// ceiling is of no use to anybody.
func (k *Keeper) owed() error {
	if k.stuck == nil {
		return nil
	}
	err := k.folder.remove()
	if err == nil || !k.folder.o.Now().Before(k.stuckTil) {
		k.stuck = nil
		return nil
	}
	k.stuck = err
	return fmt.Errorf("a snapshot that is out of step cannot be removed: %w; remove it, or wait until %s",
		err, k.stuckTil.Format(time.RFC3339))
}

// want has a body written.
func (k *Keeper) want() {
	select {
	case k.wanted <- struct{}{}:
	default:
	}
}
