package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// leases is where leadership is kept. [store.Store] fulfils it.
type leases interface {
	TryLease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error)
	ReleaseLease(ctx context.Context, name, holder string) error
}

// LeaderOptions is what a Leader needs. Zero durations take the defaults named
// beside them.
type LeaderOptions struct {
	Leases leases
	Name   string // of the work, the same in all processes
	Holder string // of this process, another in each and at every start
	Logger *slog.Logger

	Term    time.Duration // how long a lease lasts without being renewed; 1 minute
	Renew   time.Duration // between two tries, varied by a tenth; a quarter of Term
	Timeout time.Duration // of one call of the store; 5 seconds
}

// Leader has one of several processes do the work.
type Leader struct {
	o       LeaderOptions
	leading atomic.Bool
}

// NewLeader answers an error that names the option that is missing or makes
// no sense.
func NewLeader(o LeaderOptions) (*Leader, error) {
	switch {
	case o.Leases == nil:
		return nil, errors.New("leader: option Leases is missing")
	case o.Name == "":
		return nil, errors.New("leader: option Name is missing")
	case o.Holder == "":
		return nil, errors.New("leader: option Holder is missing")
	case o.Logger == nil:
		return nil, errors.New("leader: option Logger is missing")
	}
	if o.Term == 0 {
		o.Term = time.Minute
	}
	if o.Renew == 0 {
		o.Renew = o.Term / 4
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Renew <= 0 || o.Timeout <= 0 || 2*o.Renew+2*o.Timeout > o.Term {
		return nil, fmt.Errorf("leader: option Term is %v; give at least twice Renew (%v) and Timeout (%v) together", o.Term, o.Renew, o.Timeout)
	}
	return &Leader{o: o}, nil
}

// Leading reports whether this process does the work now.
func (l *Leader) Leading() bool { return l.leading.Load() }

// Run waits to become the leader and then runs all the work; each gets a
// context that ends before the lease can pass to another process. It tries
// again after the lease was lost. When ctx ends it gives the lease back and
// answers nil. When work ends by itself, the rest is ended too; Run answers its
// error, or leads anew if there is none.
func (l *Leader) Run(ctx context.Context, work ...func(ctx context.Context) error) error {
	for {
		// Counted from before the question: the store may have given the lease
		// long before its answer arrives.
		safe := time.NewTimer(l.o.Term / 2)
		held, err := l.try(ctx)
		if err != nil && ctx.Err() == nil {
			l.o.Logger.WarnContext(ctx, "leadership cannot be asked for, trying again", slog.String("work", l.o.Name), slog.Any("error", err))
		}
		if held {
			if err := l.lead(ctx, safe, work); err != nil {
				return err
			}
		}
		safe.Stop()
		if !pause(ctx, l.o.Renew) {
			return nil
		}
	}
}

func (l *Leader) try(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Timeout)
	defer cancel()
	return l.o.Leases.TryLease(ctx, l.o.Name, l.o.Holder, l.o.Term)
}

// lead runs the work until it ends, ctx ends, or the lease cannot be kept.
func (l *Leader) lead(ctx context.Context, safe *time.Timer, work []func(ctx context.Context) error) error {
	l.o.Logger.InfoContext(ctx, "leading", slog.String("work", l.o.Name), slog.String("holder", l.o.Holder))
	l.leading.Store(true)
	defer l.leading.Store(false)
	term, end := context.WithCancel(ctx)
	defer end()
	done := make(chan error, 1)
	go func() { done <- together(term, end, work) }()
	for renew := time.After(vary(l.o.Renew)); ; renew = time.After(vary(l.o.Renew)) {
		select {
		case err := <-done:
			l.release(ctx)
			return err
		case <-safe.C:
			l.lost(ctx, end, done, "the lease could not be renewed in time")
			return nil
		case <-renew:
		}
		next := time.NewTimer(l.o.Term / 2)
		switch held, err := l.try(ctx); {
		case err == nil && !held:
			next.Stop()
			l.lost(ctx, end, done, "another process has the lease")
			return nil
		case err == nil:
			safe.Stop()
			safe = next
		default:
			next.Stop()
			l.o.Logger.DebugContext(ctx, "lease cannot be renewed now", slog.String("work", l.o.Name), slog.Any("error", err))
		}
	}
}

// lost stops the work and waits for it.
func (l *Leader) lost(ctx context.Context, end func(), done <-chan error, why string) {
	end()
	err := <-done
	l.o.Logger.WarnContext(ctx, "leading no more", slog.String("work", l.o.Name), slog.String("reason", why), slog.Any("error", err))
}

// release gives the lease back, so that another process can follow at once.
func (l *Leader) release(ctx context.Context) {
	// Also when ctx has ended: that is the usual end. The call has its bound.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.Timeout)
	defer cancel()
	if err := l.o.Leases.ReleaseLease(ctx, l.o.Name, l.o.Holder); err != nil {
		l.o.Logger.WarnContext(ctx, "lease was not given back; it ends by itself", slog.String("work", l.o.Name), slog.Any("error", err))
	}
}

// together runs all the work until all has ended. The first that ends by
// itself ends the others; the first error counts.
func together(ctx context.Context, end func(), work []func(ctx context.Context) error) error {
	var group sync.WaitGroup
	var once sync.Once
	var first error
	for _, do := range work {
		group.Go(func() {
			err := do(ctx)
			once.Do(func() {
				if ctx.Err() == nil {
					first = err
				}
			})
			end()
		})
	}
	group.Wait()
	return first
}

// pause reports whether the pause has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(vary(d))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// vary is the duration give or take a tenth, so that processes that started
// together do not ask the store in step.
func vary(d time.Duration) time.Duration {
	tenth := d / 10
	return d - tenth + rand.N(2*tenth+1) //nolint:gosec // spreads load; nobody gains by guessing it
}
