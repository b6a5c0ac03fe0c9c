package feed

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// reportGap is the least time between two reports: many small changes in a
// row become one write.
const reportGap = 100 * time.Millisecond

// reports is what is known of the replica's row.
type reports struct {
	heardAt atomic.Pointer[time.Time] // SeenAt of the last row that was stored

	mu    sync.Mutex // held while a row is stored
	tried bool       // the row may be there
}

// heardWithin reports whether at is at most d after the last stored report, by
// the wall clock and by the monotonic clock: one stands still while a machine
// sleeps, the other can be set back.
func (r *reports) heardWithin(d time.Duration, at time.Time) bool {
	heard := r.heardAt.Load()
	return heard != nil && at.Sub(*heard) <= d && at.Round(0).Sub(heard.Round(0)) <= d
}

// report keeps the replica's row fresh: at once when the applied position has
// moved, since somebody may wait for the receipt, else every Report.
func (f *Follower) report(ctx context.Context) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		if err := f.put(ctx, time.Time{}); err != nil && ctx.Err() == nil {
			f.options.Logger.WarnContext(ctx, "replica report was not stored", slog.Any("error", err))
		}
		wait(ctx, nil, reportGap)
		wait(ctx, f.moved, max(f.options.Report-reportGap, 0))
	}
}

// register makes the replica known before it learns anything.
func (f *Follower) register(ctx context.Context) error {
	if f.options.Registry == nil {
		return nil
	}
	return f.put(ctx, time.Time{})
}

// signOff says in the replica's row that it has ended.
func (f *Follower) signOff(ctx context.Context) {
	if !f.reports.tried {
		return
	}
	if f.options.Keeper != nil {
		// Who signs off is not waited for. Where the store seems away, and the
		// row could not say so anyway, what is kept is worth more.
		if f.failing || f.away {
			f.options.Logger.WarnContext(ctx, "replica does not sign off: the store is away, and its snapshot stays of use")
			return
		}
		if err := f.options.Keeper.Forget(); err != nil {
			f.options.Logger.WarnContext(ctx, "replica does not sign off: its snapshot is still there", slog.Any("error", err))
			return
		}
	}
	// The row must say so although ctx is over; put has its own deadline.
	ctx = context.WithoutCancel(ctx)
	if err := f.put(ctx, f.options.Now()); err != nil {
		f.options.Logger.WarnContext(ctx, "replica could not sign off", slog.Any("error", err))
	}
}

// put writes the replica's row; a non-zero leftAt signs it off. Rows are made
// and stored one after the other, so that none overtakes a newer one.
func (f *Follower) put(ctx context.Context, leftAt time.Time) error {
	f.reports.mu.Lock()
	defer f.reports.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	row, applied := f.options.Replica, f.Applied()
	if f.options.Keeper != nil && leftAt.IsZero() {
		// After the position was looked up: what is kept covers it.
		if err := f.options.Keeper.Keep(); err != nil {
			return fmt.Errorf("put replica %s: what it has applied would be forgotten: %w", row.ID, err)
		}
	}
	row.Applied, row.LastRead, row.SeenAt, row.LeftAt = applied, f.LastRead(), f.options.Now(), leftAt
	if row.StartedAt.IsZero() {
		row.StartedAt = row.SeenAt
	}
	f.reports.tried = true
	if err := f.options.Registry.PutReplica(ctx, row); err != nil {
		return fmt.Errorf("put replica %s: %w", row.ID, err)
	}
	f.reports.heardAt.Store(&row.SeenAt)
	return nil
}
