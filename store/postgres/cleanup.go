package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// oldRows is what of a table is old. $1 is the instant.
type oldRows struct{ table, id, old, order string }

// oldRowsOf are the tables that a removal empties, one after another.
func oldRowsOf(of store.Old) []oldRows {
	switch of {
	case store.OldChanges: // the newest stays: followers compare their position with it
		return []oldRows{{"changes", "revision", "at < $1 AND revision < (SELECT max(revision) FROM credence.changes)", "revision"}}
	case store.OldIdempotency:
		return []oldRows{{"idempotency_keys", "actor, idempotency_key", "created_at < $1", "created_at"}}
	case store.OldQuotas:
		return []oldRows{
			{"quota_counters", "subject, name, start_at", "end_at < $1", "end_at"},
			{"usage_notices", "kind, subject, name, start_at", "end_at < $1", "end_at"},
		}
	case store.OldReplicas:
		return []oldRows{{"replicas", "replica_id", "seen_at < $1", "seen_at"}}
	case store.OldReports:
		return []oldRows{{"reports", "report_id", "created_at < $1", "created_at"}}
	case store.OldUsage:
		return []oldRows{
			{"usage_minute", "key_id, minute, reason, policy", "minute < least($1, (SELECT minutes_before FROM credence.usage_rolled))", "minute"},
			{"usage_failing", "minute, reason, address", "minute < $1", "minute"},
			{"usage_gaps", "replica_id, from_at, cause", "to_at < $1", "to_at"},
			{"usage_replicas", "replica_id", "ended_at < $1 AND received_at < $1", "ended_at"},
		}
	case store.OldUsageHours: // what is not summed yet stays, as above
		return []oldRows{
			{"usage_hour", "key_id, start_at, reason, policy", "start_at < least($1, (SELECT hours_before FROM credence.usage_rolled))", "start_at"},
			{"usage_agents", "key_id, start_at, agent", "start_at < $1", "start_at"},
		}
	case store.OldUsageDays:
		return []oldRows{
			{"usage_day", "key_id, start_at, reason, policy", "start_at < $1", "start_at"},
			{"key_networks", "key_id, network", "last_at < $1", "last_at"},
		}
	}
	return nil
}

func (o oldRows) remove() string {
	return "DELETE FROM credence." + o.table + " WHERE (" + o.id + ") IN (SELECT " + o.id + " FROM credence." + o.table +
		" WHERE " + o.old + " ORDER BY " + o.order + " LIMIT $2)"
}

func (o oldRows) count() string {
	return "SELECT count(*) FROM (SELECT 1 FROM credence." + o.table + " WHERE " + o.old + " LIMIT $2) AS old"
}

// removeOld removes a batch of each table.
func removeOld(ctx context.Context, q querier, of store.Old, before time.Time) (total int, err error) {
	for _, rows := range oldRowsOf(of) {
		n, err := q.exec(ctx, rows.remove(), timeOrNull(before), store.RemoveBatch)
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
		if err := r.q.value(ctx, rows.count(), []any{timeOrNull(before), most - total}, &n); err != nil {
			return 0, fmt.Errorf("count old %s: %w", of, err)
		}
		total += n
	}
	return total, nil
}

// CleanupReports implements [store.CleanupReportReader].
func (r reader) CleanupReports(ctx context.Context) ([]store.CleanupReport, error) {
	found, err := listRows(ctx, r.q, "SELECT name, actor, at, took, done, more, problem FROM credence.cleanup_reports ORDER BY name",
		nil, func(r row, c *store.CleanupReport) error {
			return r.Scan(&c.Name, &c.By, instant{&c.At}, &c.Took, &c.Done, &c.More, &c.Problem)
		})
	if err != nil {
		return nil, fmt.Errorf("cleanup reports: %w", err)
	}
	return found, nil
}

// PutCleanupReport implements [store.CleanupReportWriter].
func (w *writer) PutCleanupReport(ctx context.Context, c store.CleanupReport) error {
	_, err := w.q.exec(ctx,
		`INSERT INTO credence.cleanup_reports (name, actor, at, took, done, more, problem) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (name) DO UPDATE SET actor = excluded.actor, at = excluded.at, took = excluded.took, done = excluded.done,
			more = excluded.more, problem = excluded.problem`,
		c.Name, c.By, timeOrNull(c.At), c.Took, c.Done, c.More, c.Problem)
	if err != nil {
		return fmt.Errorf("put cleanup report %q: %w", c.Name, err)
	}
	return nil
}
