package feed

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// reportGap is the least time between two reports: many small changes in a
// row become one write.
const reportGap = 200 * time.Millisecond

// report keeps the replica's row fresh: at once when the applied position has
// moved, since somebody may wait for the receipt, else every Report. It signs
// the replica off when ctx ends.
func (f *Follower) report(ctx context.Context) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return // never decided anything, so it has no row
	}
	for ctx.Err() == nil {
		if err := f.put(ctx, time.Time{}); err != nil && ctx.Err() == nil {
			f.options.Logger.WarnContext(ctx, "replica report was not stored", slog.Any("error", err))
		}
		wait(ctx, nil, reportGap)
		wait(ctx, f.moved, max(f.options.Report-reportGap, 0))
	}
	// The row must say so although ctx is over; put has its own deadline.
	ending := context.WithoutCancel(ctx)
	if err := f.put(ending, f.options.Now()); err != nil {
		f.options.Logger.WarnContext(ending, "replica could not sign off", slog.Any("error", err))
	}
}

// put writes the replica's row; a non-zero leftAt signs it off.
func (f *Follower) put(ctx context.Context, leftAt time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	row := f.options.Replica
	row.Applied, row.SeenAt, row.LeftAt = f.Applied(), f.options.Now(), leftAt
	if row.StartedAt.IsZero() {
		row.StartedAt = row.SeenAt
	}
	if err := f.options.Registry.PutReplica(ctx, row); err != nil {
		return fmt.Errorf("put replica %s: %w", row.ID, err)
	}
	return nil
}
