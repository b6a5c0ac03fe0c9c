package api

import (
	"context"
	"fmt"
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

// CodeRows are the lines of the table of codes in docs/api.md.
func CodeRows() []string {
	var rows []string
	for _, m := range codeMeanings() {
		rows = append(rows, fmt.Sprintf("| `%s` | %d | %s | %s |", m.Code, m.Status, m.Meaning, m.Remedy))
	}
	return rows
}
