package drill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// look is how often the officer looks for an order.
const look = 500 * time.Millisecond

// shortest is the shortest drill: the parts have to notice.
const shortest = time.Second

// OfficerOptions are what an Officer needs.
type OfficerOptions struct {
	Folder  string // the data folder of the process
	Ceiling time.Duration
	// Down takes each kind of thing that the process has down, or up again.
	Down   map[Kind]func(down bool)
	Now    func() time.Time
	Logger *slog.Logger
}

// Officer does in a process what the command orders.
type Officer struct {
	o OfficerOptions

	mu      sync.Mutex
	running state // the zero state: none
}

// NewOfficer makes an Officer of a process that starts: what was ordered
// before is forgotten.
func NewOfficer(o OfficerOptions) (*Officer, error) {
	if o.Folder == "" || o.Ceiling <= 0 || o.Now == nil || o.Logger == nil {
		return nil, errors.New("drill options: Folder, Ceiling, Now, Logger: give all of them")
	}
	if err := errors.Join(remove(o.Folder, orderFile), remove(o.Folder, stateFile)); err != nil {
		return nil, fmt.Errorf("drill: forget what was ordered before: %w", err)
	}
	return &Officer{o: o}, nil
}

// Active is the kind of the drill that runs; "" for none.
func (o *Officer) Active() Kind {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running.Kind
}

// Note says so to people.
func (o *Officer) Note() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running.Kind == "" {
		return ""
	}
	return fmt.Sprintf("a drill: %s until %s", o.running.Kind, o.running.Ends.UTC().Format(time.RFC3339))
}

// Run does what is ordered until ctx ends, ends what runs then, and answers
// nil.
func (o *Officer) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			o.end(ctx, "the process stops")
			return nil
		case <-tick.C:
		}
		if ends := o.ends(); !ends.IsZero() && !o.o.Now().Before(ends) {
			o.end(ctx, "its time is over")
		}
		var ordered order
		err := read(o.o.Folder, orderFile, &ordered)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err = errors.Join(err, remove(o.o.Folder, orderFile)); err != nil {
			o.o.Logger.ErrorContext(ctx, "drill order is not followed", slog.Any("error", err))
			continue
		}
		o.follow(ctx, ordered)
	}
}

func (o *Officer) ends() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running.Ends
}

func (o *Officer) follow(ctx context.Context, ordered order) {
	if ordered.Kind == KindEnd {
		o.end(ctx, "it was told to")
		return
	}
	if err := o.check(ordered); err != nil {
		o.o.Logger.WarnContext(ctx, "drill refused", slog.String("kind", string(ordered.Kind)), slog.Any("error", err))
		o.tell(ctx, state{ID: ordered.ID, Kind: ordered.Kind, Phase: phaseRefused, Problem: err.Error()})
		return
	}
	begun := state{ID: ordered.ID, Kind: ordered.Kind, Phase: phaseRunning, Ends: o.o.Now().Add(ordered.For)}
	o.mu.Lock()
	o.running = begun
	o.mu.Unlock()
	o.o.Down[ordered.Kind](true)
	o.o.Logger.WarnContext(ctx, "drill begins: this replica behaves as in an outage", slog.String("kind", string(ordered.Kind)),
		slog.Duration("for", ordered.For), slog.Time("until", begun.Ends))
	o.tell(ctx, begun)
}

// check answers why the order is not followed.
func (o *Officer) check(ordered order) error {
	_, known := o.o.Down[ordered.Kind]
	switch active := o.Active(); {
	case !known:
		return fmt.Errorf("%q: this process can rehearse %v", ordered.Kind, slices.Sorted(maps.Keys(o.o.Down)))
	case active != "":
		return fmt.Errorf("a drill runs already: %s", active)
	case ordered.For < shortest, ordered.For > o.o.Ceiling:
		return fmt.Errorf("for %s: give a time from %s to the ceiling of this process, %s", ordered.For, shortest, o.o.Ceiling)
	}
	return nil
}

// end ends what runs.
func (o *Officer) end(ctx context.Context, why string) {
	o.mu.Lock()
	ended := o.running
	o.running = state{}
	o.mu.Unlock()
	if ended.Kind == "" {
		return
	}
	o.o.Down[ended.Kind](false)
	o.o.Logger.WarnContext(ctx, "drill ends", slog.String("kind", string(ended.Kind)), slog.String("because", why))
	ended.Phase = phaseEnded
	o.tell(ctx, ended)
}

func (o *Officer) tell(ctx context.Context, s state) {
	if err := write(o.o.Folder, stateFile, s); err != nil {
		o.o.Logger.WarnContext(ctx, "what became of a drill cannot be told", slog.Any("error", err))
	}
}
