package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"credence/store"
)

// liveFor is three reports that did not come.
const liveFor = 15 * time.Second

// Sharer keeps to a share of something. A limiter.Limiter is one.
type Sharer interface {
	// SetShare says which of how many replicas this one is, by its rank from 0.
	SetShare(rank, replicas int)
}

// registry is where replicas report. A store.ReplicaRegistry fulfils it.
type registry interface {
	Replicas(ctx context.Context, since time.Time) ([]store.Replica, error)
}

// Options are what a Watcher needs. Zero durations take the defaults named
// beside them.
type Options struct {
	Registry registry
	ID       string // of this replica
	Sharers  []Sharer
	Now      func() time.Time
	Logger   *slog.Logger

	Every   time.Duration // between two looks, varied by a tenth; 2 seconds
	Timeout time.Duration // of one look; 5 seconds
}

// Watcher looks who runs. It is a subscriber of package feed, so that this
// replica is not ready before its first look.
type Watcher struct {
	o    Options
	live atomic.Int64

	// Only the goroutine that looks touches these: first the one that loads,
	// then, once that has, the one of Run.
	loaded    chan struct{}
	sightings map[string]sighting // by id
	looked    time.Time           // the last time that the rows could be read
	rank      int
	failing   bool
}

// sighting is what was seen of a row.
type sighting struct {
	seenAt  time.Time     // in the row: by the clock of that replica
	without time.Duration // any change, by our clock and while we could look
}

// New makes a Watcher. The error names the option that is wrong.
func New(o Options) (*Watcher, error) {
	switch {
	case o.Registry == nil:
		return nil, errors.New("fleet options: Registry: missing")
	case o.ID == "":
		return nil, errors.New("fleet options: ID: missing; give the one of the replica's row")
	case o.Now == nil:
		return nil, errors.New("fleet options: Now: missing")
	case o.Logger == nil:
		return nil, errors.New("fleet options: Logger: missing")
	case o.Every < 0 || o.Every > liveFor/2:
		return nil, fmt.Errorf("fleet options: Every: %s is not between 0 and %s", o.Every, liveFor/2)
	case o.Timeout < 0:
		return nil, fmt.Errorf("fleet options: Timeout: %s is negative", o.Timeout)
	}
	if o.Every == 0 {
		o.Every = 2 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return &Watcher{o: o, loaded: make(chan struct{}), sightings: map[string]sighting{}, rank: -1}, nil
}

// Live is how many replicas run, this one included; 0 before the first look.
func (w *Watcher) Live() int { return int(w.live.Load()) }

// Load looks for the first time. Later calls do nothing: [Watcher.Run] looks.
func (w *Watcher) Load(ctx context.Context) error {
	select {
	case <-w.loaded:
		return nil
	default:
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	close(w.loaded)
	return nil
}

// Apply, Restart and CaughtUp do nothing: who runs is not in the feed.

// Apply does nothing.
func (w *Watcher) Apply(context.Context, []store.Change) error { return nil }

// Restart does nothing.
func (w *Watcher) Restart() {}

// CaughtUp does nothing.
func (w *Watcher) CaughtUp(time.Time) {}

// Run looks again and again, from when Load has looked until ctx ends, and
// answers nil then.
func (w *Watcher) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.loaded:
	}
	for {
		timer := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		err := w.look(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a look that was cut short says nothing
		}
		w.note(ctx, err)
	}
}

// pause is varied, so that replicas do not look in step.
func (w *Watcher) pause() time.Duration {
	tenth := w.o.Every / 10
	return w.o.Every - tenth + rand.N(2*tenth+1) //nolint:gosec // spreads load; nobody gains by guessing it
}

// note logs when looking begins to fail and when it works again.
func (w *Watcher) note(ctx context.Context, err error) {
	switch {
	case err != nil && !w.failing:
		w.o.Logger.WarnContext(ctx, "replicas cannot be counted, keeping the last number",
			slog.Int("replicas", w.Live()), slog.Any("error", err))
	case err == nil && w.failing:
		w.o.Logger.InfoContext(ctx, "replicas are counted again", slog.Int("replicas", w.Live()))
	}
	w.failing = err != nil
}

// look reads the rows and tells the sharers what has changed.
func (w *Watcher) look(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	now := w.o.Now()
	if w.looked.IsZero() {
		w.looked = now
	}
	rows, err := w.o.Registry.Replicas(bounded, w.since(now))
	if err != nil {
		return fmt.Errorf("count replicas: %w", err)
	}
	// Where the store was away, nobody could report either.
	ids := w.sight(rows, min(now.Sub(w.looked), 2*w.o.Every))
	w.looked = now
	rank, _ := slices.BinarySearch(ids, w.o.ID)
	if rank == w.rank && len(ids) == w.Live() {
		return nil
	}
	w.o.Logger.InfoContext(ctx, "replicas share limits", slog.Int("replicas", len(ids)), slog.Int("rank", rank))
	w.rank = rank
	w.live.Store(int64(len(ids)))
	for _, s := range w.o.Sharers {
		s.SetShare(rank, len(ids))
	}
	return nil
}

// since is what rows that matter are younger than: rows of this time, and
// those of everybody who is taken to be live.
func (w *Watcher) since(now time.Time) time.Time {
	since := now.Add(-liveFor - store.MaxClockSkew)
	for _, s := range w.sightings {
		if s.without <= liveFor && !s.seenAt.After(since) {
			since = s.seenAt.Add(-time.Microsecond)
		}
	}
	return since
}

// sight answers the ids of those who are live, in order, so long after the
// look before.
func (w *Watcher) sight(rows []store.Replica, since time.Duration) []string {
	ids := []string{w.o.ID}
	seen := make(map[string]sighting, len(rows))
	for _, r := range rows {
		if !r.LeftAt.IsZero() || r.ID == w.o.ID {
			continue
		}
		last, known := w.sightings[r.ID]
		last.without += since
		if !known || !last.seenAt.Equal(r.SeenAt) {
			last = sighting{seenAt: r.SeenAt}
		}
		seen[r.ID] = last
		if last.without <= liveFor {
			ids = append(ids, r.ID)
		}
	}
	w.sightings = seen
	slices.SortFunc(ids, strings.Compare)
	return ids
}
