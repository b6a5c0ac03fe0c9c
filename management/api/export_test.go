package api

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"credence/management"
)

// StatusOf is statusOf for the tests of the table.
var StatusOf = statusOf

// DenialsTo makes Denials that write to record.
func DenialsTo(record func(context.Context, []management.AccessFailed) error, now func() time.Time, logger *slog.Logger) *Denials {
	return &Denials{record: record, now: now, logger: logger, folded: map[folding]*management.AccessFailed{}}
}

// Add is add for tests.
func (d *Denials) Add(address netip.Addr, limited bool) { d.add(address, limited) }

// Flush is flush for tests, and answers how many foldings are left.
func (d *Denials) Flush(ctx context.Context, before int64) int {
	d.flush(ctx, before)
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.folded)
}
