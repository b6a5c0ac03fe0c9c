package store

import (
	"context"
	"time"
)

// Old names rows that nobody needs after a while, by the removal that takes
// them away.
type Old string

// What gets old.
const (
	OldChanges     Old = "changes"     // PruneChanges
	OldIdempotency Old = "idempotency" // RemoveIdempotency
	OldQuotas      Old = "quotas"      // RemoveQuotas
	OldReplicas    Old = "replicas"    // RemoveReplicas
	OldReports     Old = "reports"     // RemoveReports
	OldUsage       Old = "usage"       // RemoveUsage
	OldUsageHours  Old = "usage-hours" // RemoveUsageSums of hours
	OldUsageDays   Old = "usage-days"  // RemoveUsageSums of days
)

// Olds lists what gets old.
func Olds() []Old {
	return []Old{OldChanges, OldIdempotency, OldQuotas, OldReplicas, OldReports, OldUsage, OldUsageHours, OldUsageDays}
}

// OldCounter says what removals would take away.
type OldCounter interface {
	// CountOld MUST answer how many rows the removal would take away if it were
	// repeated until nothing is left, or most when there are more.
	CountOld(ctx context.Context, of Old, before time.Time, most int) (int, error)
}

// CleanupReport is what the last run of a cleanup did.
type CleanupReport struct {
	Name    string
	By      string // the actor
	At      time.Time
	Took    time.Duration
	Done    int    // keys, rows or entries that it was done to
	More    bool   // it stopped at its bound, and there may be more
	Problem string // "" when it succeeded
}

// CleanupReportReader reads what cleanups did.
type CleanupReportReader interface {
	// CleanupReports MUST answer the last report of each cleanup, by name.
	CleanupReports(ctx context.Context) ([]CleanupReport, error)
}

// CleanupReportWriter notes what cleanups did.
type CleanupReportWriter interface {
	// PutCleanupReport MUST put the report in place of the one of that name.
	PutCleanupReport(ctx context.Context, r CleanupReport) error
}

// PutCleanupReport notes what a cleanup did. It is a note and no change: what
// it did has entries of its own.
func (s *Store) PutCleanupReport(ctx context.Context, r CleanupReport) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.PutCleanupReport(ctx, r) })
}
