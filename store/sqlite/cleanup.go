package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"credence/store"
)

// oldRows is what of a table is old. ?1 is the instant.
type oldRows struct{ table, id, old, order string }

// oldRowsOf are the tables that a removal empties, one after another.
func oldRowsOf(of store.Old) []oldRows {
	switch of {
	case store.OldChanges: // the newest stays: followers compare their position with it
		return []oldRows{{"changes", "revision", "at < ?1 AND revision < (SELECT max(revision) FROM changes)", "revision"}}
	case store.OldIdempotency:
		return []oldRows{{"idempotency_keys", "actor, idempotency_key", "created_at < ?1", "created_at"}}
	case store.OldQuotas:
		return []oldRows{
			{"quota_counters", "subject, name, start_at", "end_at < ?1", "end_at"},
			{"usage_notices", "kind, subject, name, start_at", "end_at < ?1", "end_at"},
		}
	case store.OldReplicas:
		return []oldRows{{"replicas", "replica_id", "seen_at < ?1", "seen_at"}}
	case store.OldReports:
		return []oldRows{{"reports", "report_id", "created_at < ?1", "created_at"}}
	case store.OldUsage:
		return []oldRows{
			{"usage_minute", "key_id, minute, reason, policy", "minute < min(?1, (SELECT minutes_before FROM usage_rolled))", "minute"},
			{"usage_failing", "minute, reason, address", "minute < ?1", "minute"},
			{"usage_gaps", "replica_id, from_at, cause", "to_at < ?1", "to_at"},
			{"usage_replicas", "replica_id", "max(ended_at, received_at) < ?1", "ended_at"},
		}
	case store.OldUsageHours: // what is not summed yet stays, as above
		return []oldRows{
			{"usage_hour", "key_id, start_at, reason, policy", "start_at < min(?1, (SELECT hours_before FROM usage_rolled))", "start_at"},
			{"usage_agents", "key_id, start_at, agent", "start_at < ?1", "start_at"},
		}
	case store.OldUsageDays:
		return []oldRows{
			{"usage_day", "key_id, start_at, reason, policy", "start_at < ?1", "start_at"},
			{"key_networks", "key_id, network", "last_at < ?1", "last_at"},
		}
	}
	return nil
}

func (o oldRows) remove() string {
	return "DELETE FROM " + o.table + " WHERE (" + o.id + ") IN (SELECT " + o.id + " FROM " + o.table +
		" WHERE " + o.old + " ORDER BY " + o.order + " LIMIT ?2)"
}

func (o oldRows) count() string {
	return "SELECT count(*) FROM (SELECT 1 FROM " + o.table + " WHERE " + o.old + " LIMIT ?2)"
}

// execer changes rows, inside a transaction or in one of its own.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// removeOld removes a batch of each table.
func removeOld(ctx context.Context, q execer, of store.Old, before time.Time) (total int, err error) {
	for _, rows := range oldRowsOf(of) {
		n, err := removed(q.ExecContext(ctx, rows.remove(), micros(before), store.RemoveBatch))
		if err != nil {
			return total, fmt.Errorf("remove old %s: %w", of, err)
		}
		total += n
	}
	return total, nil
}

// CountOld implements [store.OldCounter].
func (r reader) CountOld(ctx context.Context, of store.Old, before time.Time, most int) (total int, err error) {
	for _, rows := range oldRowsOf(of) {
		var n int
		if err := r.q.QueryRowContext(ctx, rows.count(), micros(before), most-total).Scan(&n); err != nil {
			return 0, fmt.Errorf("count old %s: %w", of, translate(err))
		}
		total += n
	}
	return total, nil
}

// CleanupReports implements [store.CleanupReportReader].
func (r reader) CleanupReports(ctx context.Context) ([]store.CleanupReport, error) {
	found, err := listRows(ctx, r.q, "SELECT name, actor, at, took, done, more, problem FROM cleanup_reports ORDER BY name",
		nil, func(r row, c *store.CleanupReport) error {
			return r.Scan(&c.Name, &c.By, instant{&c.At}, span{&c.Took}, &c.Done, &c.More, &c.Problem)
		})
	if err != nil {
		return nil, fmt.Errorf("cleanup reports: %w", err)
	}
	return found, nil
}

// PutCleanupReport implements [store.CleanupReportWriter].
func (w *writer) PutCleanupReport(ctx context.Context, c store.CleanupReport) error {
	_, err := w.tx.ExecContext(ctx,
		"INSERT OR REPLACE INTO cleanup_reports (name, actor, at, took, done, more, problem) VALUES (?, ?, ?, ?, ?, ?, ?)",
		c.Name, c.By, micros(c.At), c.Took.Microseconds(), c.Done, c.More, c.Problem)
	if err != nil {
		return fmt.Errorf("put cleanup report %q: %w", c.Name, translate(err))
	}
	return nil
}
