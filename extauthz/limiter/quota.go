package limiter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
)

// errClosed means that the replica is stopping.
var errClosed = fmt.Errorf("limiter is closed: %w", store.ErrUnavailable)

// quotas keeps the budgets and reserves blocks for them.
type quotas struct {
	options Options
	table   *table[quotaKey, *budget]
	calls   chan struct{} // holds a value for each call of the store
	counts  refillCounts

	mu      sync.Mutex // guards closed against running.Add
	closed  bool
	running sync.WaitGroup
}

// budgetOf answers the budget of the quota, making it when there is none.
func (q *quotas) budgetOf(ctx context.Context, quota *pipeline.SubjectQuota, at int64) *budget {
	if b, known := q.table.get(quotaKeyOf(quota)); known {
		return b
	}
	return q.insert(ctx, quota, at)
}

func (q *quotas) insert(ctx context.Context, quota *pipeline.SubjectQuota, at int64) *budget {
	b, evicted, lost := q.table.insert(quotaKeyOf(quota), newBudget(quota), at)
	if lost {
		q.start(ctx, func(ctx context.Context) {
			window, units := evicted.empty()
			q.giveUnits(ctx, window, units)
		})
	}
	return b
}

// spend charges the cost to the budget of the quota, waiting a bounded time
// for the store when nothing is reserved. The budget that was charged is
// answered with the start of its window.
func (q *quotas) spend(ctx context.Context, quota *pipeline.SubjectQuota, now time.Time, at, cost int64) (
	b *budget, start time.Time, ok bool, err error,
) {
	b = q.budgetOf(ctx, quota, at)
	var patience *time.Timer
	for {
		var verdict verdict
		var topUp bool
		verdict, start, topUp = b.spend(now, cost)
		switch verdict {
		case verdictSpent:
			if topUp {
				q.refill(ctx, b, 0)
			}
			return b, start, true, nil
		case verdictRefused:
			return b, start, false, nil
		case verdictFailed:
			return b, start, false, b.failed()
		case verdictRetired:
			b = q.insert(ctx, quota, at)
		case verdictWait:
			if patience == nil {
				patience = time.NewTimer(q.options.RefillWait)
				defer patience.Stop()
			}
			if err := q.wait(ctx, b, cost, patience.C); err != nil {
				return b, start, false, err
			}
		}
	}
}

// wait has the store asked and waits for the answer.
func (q *quotas) wait(ctx context.Context, b *budget, cost int64, patience <-chan time.Time) error {
	pipeline.Waits(ctx)
	answered := q.refill(ctx, b, cost)
	defer b.leaveQueue(cost)
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("quota %s of %s: %w", b.quota.Name, b.subject, context.Cause(ctx))
	case <-patience:
		return fmt.Errorf("quota %s of %s: no units reserved within %s: %w",
			b.quota.Name, b.subject, q.options.RefillWait, store.ErrUnavailable)
	}
}

// refill has the block filled up, joining a call of the store that is under
// way. The channel is closed when the call has ended. demand units are wanted
// beyond the block by somebody who waits.
func (q *quotas) refill(ctx context.Context, b *budget, demand int64) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.demand += demand
	if b.refill != nil {
		return b.refill
	}
	done := make(chan struct{})
	b.refill = done
	window := b.window
	if !q.start(ctx, func(ctx context.Context) { q.reserve(ctx, b, window, done) }) {
		b.refill = nil
		b.fail(errClosed, q.options.Now())
		close(done)
	}
	return done
}

// start runs work that outlives the request, since another request wants its
// result too; it has a deadline of its own. It answers false after Close.
func (q *quotas) start(ctx context.Context, work func(ctx context.Context)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	detached := context.WithoutCancel(ctx)
	q.running.Go(func() {
		ctx, cancel := context.WithTimeout(detached, q.options.Timeout)
		defer cancel()
		work(ctx)
	})
	return true
}

// reserve asks the store for as much as the block lacks and requests wait for.
func (q *quotas) reserve(ctx context.Context, b *budget, window store.QuotaWindow, done chan struct{}) {
	defer close(done)
	if late := b.granted(window, q.ask(ctx, b, window), q.options.Now()); late > 0 {
		q.giveUnits(ctx, window, late)
	}
}

func (q *quotas) ask(ctx context.Context, b *budget, window store.QuotaWindow) answer {
	select {
	case q.calls <- struct{}{}:
		defer func() { <-q.calls }()
	case <-ctx.Done():
		return answer{err: fmt.Errorf("all calls of the store are taken: %w", store.ErrUnavailable)}
	}
	// Now, not when the refill was asked for: more may be waiting meanwhile.
	a := answer{want: b.wanted()}
	q.counts.refills.Add(1)
	a.granted, a.used, a.err = q.options.Store.ReserveQuota(ctx, window, a.want, b.quota.Limit)
	if a.err != nil {
		q.counts.failures.Add(1)
	}
	return a
}

// giveUnits returns the units of a forgotten quota; nobody waits for it.
func (q *quotas) giveUnits(ctx context.Context, window store.QuotaWindow, units int64) {
	if err := q.giveBack(ctx, window, units); err != nil {
		q.options.Logger.WarnContext(ctx, "quota units are lost", slog.Any("error", err))
	}
}

// giveBack returns units, unless their window is over.
func (q *quotas) giveBack(ctx context.Context, window store.QuotaWindow, units int64) error {
	if units == 0 || !q.options.Now().Before(window.End) {
		return nil
	}
	if err := q.options.Store.ReturnQuota(ctx, window, units); err != nil {
		return fmt.Errorf("quota %s of %s: give back %d units: %w", window.Name, window.Subject, units, err)
	}
	return nil
}

// close ends refills and gives back what was not spent.
func (q *quotas) close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.running.Wait()
	var failed error
	q.table.members.Range(func(_ quotaKey, b *budget) bool {
		window, units := b.empty()
		failed = q.giveBack(ctx, window, units)
		return failed == nil // a store that fails now will not take the rest
	})
	if failed != nil {
		return fmt.Errorf("close limiter: %w", failed)
	}
	return nil
}
