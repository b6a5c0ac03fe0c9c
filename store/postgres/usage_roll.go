package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// RollUsage implements [store.UsageIngest]: a minute, and then an hour.
func (db *DB) RollUsage(ctx context.Context, until time.Time) (more bool, err error) {
	if err := db.q.value(ctx, "SELECT credence.roll_usage($1)", []any{timeOrNull(until)}, &more); err != nil {
		return false, fmt.Errorf("roll usage: %w", err)
	}
	return more, nil
}

// RemoveUsageSums implements [store.UsageIngest].
func (db *DB) RemoveUsageSums(ctx context.Context, hours, days time.Time) (int, error) {
	total := 0
	for _, of := range []struct {
		statement string
		before    time.Time
	}{
		{`DELETE FROM credence.usage_hour WHERE (key_id, start_at, reason, policy) IN (SELECT key_id, start_at, reason, policy
			FROM credence.usage_hour WHERE start_at < least($1, (SELECT hours_before FROM credence.usage_rolled))
			ORDER BY start_at LIMIT $2)`, hours},
		{`DELETE FROM credence.usage_day WHERE (key_id, start_at, reason, policy) IN (SELECT key_id, start_at, reason, policy
			FROM credence.usage_day WHERE start_at < $1 ORDER BY start_at LIMIT $2)`, days},
		{`DELETE FROM credence.key_networks WHERE (key_id, network) IN (SELECT key_id, network
			FROM credence.key_networks WHERE last_at < $1 ORDER BY last_at LIMIT $2)`, days},
	} {
		n, err := db.q.exec(ctx, of.statement, timeOrNull(of.before), store.RemoveBatch)
		if err != nil {
			return total, fmt.Errorf("remove sums of usage: %w", err)
		}
		total += n
	}
	return total, nil
}
