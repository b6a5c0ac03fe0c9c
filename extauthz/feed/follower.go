package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"credence/store"
)

// batch is how many changes one read asks for.
const batch = 500

// Follower reads the feed and has the subscribers apply it.
type Follower struct {
	options Options
	ready   chan struct{}
	moved   chan struct{} // the applied position has news to report

	applied  atomic.Pointer[store.Position]
	lastRead atomic.Pointer[time.Time]
	reports  reports

	reads, failures, restarts atomic.Int64

	// Only the goroutine that follows touches these.
	loaded  bool
	away    bool // resumed, and not in the registry yet
	failing bool
}

// Stats are counters since the start.
type Stats struct {
	Reads    int64 // reads of the feed that succeeded
	Failures int64 // reads, loads and applications that failed
	Restarts int64 // gaps in the feed
}

// New makes a Follower of valid options.
func New(o Options) (*Follower, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	f := &Follower{options: o.withDefaults(), ready: make(chan struct{}), moved: make(chan struct{}, 1)}
	f.applied.Store(&store.Position{})
	f.lastRead.Store(&time.Time{})
	if r := o.Resumed; r != nil {
		f.loaded, f.away = true, true
		f.applied.Store(&r.Position)
		f.lastRead.Store(&r.LastRead)
		close(f.ready)
	}
	return f, nil
}

// Ready is closed when every subscriber has been loaded for the first time.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Applied is the position up to which every subscriber has applied the feed;
// the zero Position before the first load and between a gap and its load.
func (f *Follower) Applied() store.Position { return *f.applied.Load() }

// LastRead is the instant before the last read that left nothing unapplied;
// the zero time before the first.
func (f *Follower) LastRead() time.Time { return *f.lastRead.Load() }

// Stats answers the counters.
func (f *Follower) Stats() Stats {
	return Stats{Reads: f.reads.Load(), Failures: f.failures.Load(), Restarts: f.restarts.Load()}
}

// Run follows the feed until ctx ends, then signs the replica off and answers
// nil. Call it once, and end it after the last Check was answered: a replica
// that has signed off is not asked for receipts.
func (f *Follower) Run(ctx context.Context) error {
	var reporting sync.WaitGroup
	if f.options.Registry != nil {
		reporting.Go(func() { f.report(ctx) })
	}
	f.follow(ctx)
	reporting.Wait()
	f.signOff(ctx)
	return nil
}

func (f *Follower) follow(ctx context.Context) {
	// Before the first read: a change committed after that read finds the
	// channel and leaves a value in it.
	wake := f.options.Feed.Wake(ctx)
	pause := time.Duration(0)
	for ctx.Err() == nil {
		more, err := f.step(ctx)
		if ctx.Err() != nil {
			return
		}
		f.note(ctx, err)
		switch {
		case err != nil:
			pause = min(max(2*pause, f.options.Poll), f.options.MaxBackoff)
			wake = wait(ctx, wake, pause)
		case more:
			pause = 0
		default:
			pause = 0
			wake = wait(ctx, wake, f.pollPause())
		}
	}
}

// pollPause is the poll interval, varied so that replicas do not ask in step.
func (f *Follower) pollPause() time.Duration {
	tenth := f.options.Poll / 10
	return f.options.Poll - tenth + rand.N(2*tenth+1) //nolint:gosec // spreads load; nobody gains by guessing it
}

// wait returns after the pause, at a push, or when ctx ends. It answers the
// channel to wait on next time: a closed one would make the loop spin.
func wait(ctx context.Context, wake <-chan struct{}, pause time.Duration) <-chan struct{} {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case _, open := <-wake:
		if !open {
			return nil
		}
	}
	return wake
}

// step loads or reads once. more is true when there is work left that need
// not wait for the next poll.
func (f *Follower) step(ctx context.Context) (more bool, err error) {
	if !f.loaded {
		return false, f.load(ctx)
	}
	if f.away {
		if err := f.rejoin(ctx); err != nil {
			return false, err
		}
		f.away = false
	}
	more, err = f.read(ctx)
	if !errors.Is(err, store.ErrFeedGap) {
		return more, err
	}
	f.restart(ctx, err)
	return true, nil
}

// load starts anew: the row and the head first, then what the subscribers know.
func (f *Follower) load(ctx context.Context) error {
	at := f.options.Now()
	if err := f.register(ctx); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	head, err := f.head(ctx)
	if err != nil {
		return fmt.Errorf("load: head of the feed: %w", err)
	}
	loading, cancel := context.WithTimeout(ctx, f.options.LoadTimeout)
	defer cancel()
	for _, s := range f.options.Subscribers {
		if err := s.Load(loading); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	f.loaded = true
	f.move(head)
	f.caughtUp(at)
	select {
	case <-f.ready:
	default:
		close(f.ready)
	}
	return nil
}

// rejoin makes a replica that has started from a snapshot known before it
// learns anything, and loads what was not in the snapshot.
func (f *Follower) rejoin(ctx context.Context) error {
	if err := f.register(ctx); err != nil {
		return fmt.Errorf("rejoin: %w", err)
	}
	loading, cancel := context.WithTimeout(ctx, f.options.LoadTimeout)
	defer cancel()
	for _, s := range f.options.Resumed.Later {
		if err := s.Load(loading); err != nil {
			return fmt.Errorf("rejoin: %w", err)
		}
	}
	return nil
}

func (f *Follower) head(ctx context.Context) (store.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	return f.options.Feed.Head(ctx)
}

// read applies the next batch.
func (f *Follower) read(ctx context.Context) (more bool, err error) {
	at, applied := f.options.Now(), f.Applied()
	changes, err := f.changesAfter(ctx, applied)
	if err != nil {
		return false, fmt.Errorf("read the feed: %w", err)
	}
	f.reads.Add(1)
	for i := range changes {
		if want := applied.Revision + store.Revision(i) + 1; changes[i].Revision != want {
			return false, fmt.Errorf("read the feed: revision %d where %d was due: %w",
				changes[i].Revision, want, store.ErrFeedGap)
		}
	}
	if len(changes) > 0 {
		if err := f.apply(ctx, changes); err != nil {
			return false, fmt.Errorf("apply changes up to revision %d: %w", changes[len(changes)-1].Revision, err)
		}
		last := &changes[len(changes)-1]
		f.move(store.Position{Revision: last.Revision, ID: last.ID})
	}
	if len(changes) >= batch {
		return true, nil // there may be more: not caught up yet
	}
	f.caughtUp(at)
	return false, nil
}

func (f *Follower) changesAfter(ctx context.Context, applied store.Position) ([]store.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	return f.options.Feed.ChangesAfter(ctx, applied, batch)
}

// apply gives the changes to every subscriber, also after one of them failed:
// a blacklist that cannot be read must not hold back a revocation.
func (f *Follower) apply(ctx context.Context, changes []store.Change) error {
	ctx, cancel := context.WithTimeout(ctx, f.options.LoadTimeout)
	defer cancel()
	var failed error
	for _, s := range f.options.Subscribers {
		failed = errors.Join(failed, s.Apply(ctx, changes))
	}
	return failed
}

func (f *Follower) restart(ctx context.Context, gap error) {
	f.options.Logger.WarnContext(ctx, "change feed does not continue, starting anew",
		slog.Int64("applied_revision", int64(f.Applied().Revision)), slog.Any("error", gap))
	f.restarts.Add(1)
	f.loaded = false
	for _, s := range f.options.Subscribers {
		s.Restart()
	}
	f.move(store.Position{})
}

// move publishes the applied position and has it reported.
func (f *Follower) move(to store.Position) {
	f.applied.Store(&to)
	f.news()
}

// news has a report made at once.
func (f *Follower) news() {
	select {
	case f.moved <- struct{}{}:
	default: // a report is due already and will see this position
	}
}

func (f *Follower) caughtUp(at time.Time) {
	if f.options.Registry != nil && !f.reports.heardWithin(store.ReportWithin, at) {
		return
	}
	for _, s := range f.options.Subscribers {
		s.CaughtUp(at)
	}
	f.lastRead.Store(&at)
}

// note logs when following begins to fail and when it works again, not every
// try in between.
func (f *Follower) note(ctx context.Context, err error) {
	if err != nil {
		f.failures.Add(1)
	}
	switch {
	case err != nil && !f.failing:
		f.failing = true
		f.options.Logger.WarnContext(ctx, "change feed cannot be followed, trying again",
			slog.Time("last_read", f.LastRead()), slog.Any("error", err))
	case err == nil && f.failing:
		f.failing = false
		f.news() // whoever waits for receipts should hear of us again
		f.options.Logger.InfoContext(ctx, "change feed is followed again",
			slog.Int64("applied_revision", int64(f.Applied().Revision)))
	}
}
