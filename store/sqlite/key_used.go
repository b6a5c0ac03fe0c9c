package sqlite

import (
	"context"
	"fmt"

	"credence/store"
	"credence/store/limit"
)

// usedQuery walks the index of last use; NULL is the smallest value.
const usedQuery = "SELECT " + keyColumns + `, p.limits, p.quotas, o.limits, o.quotas
	FROM api_keys AS k
	LEFT JOIN plans AS p ON p.namespace = k.namespace AND p.name = k.plan
	LEFT JOIN owners AS o ON o.namespace = k.namespace AND o.name = k.owner
	WHERE k.status = 'active'
	ORDER BY k.last_used_at DESC, k.created_at DESC LIMIT ?`

// UsedKeys implements [store.UsedKeyReader].
func (db *DB) UsedKeys(ctx context.Context, most int, each func(store.KeyRecord) error) error {
	rows, err := db.read.QueryContext(ctx, usedQuery, most)
	if err != nil {
		return fmt.Errorf("used keys: %w", translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var k store.KeyRecord
		destinations := append(keyDestinations(&k.Key),
			items[limit.Limit]{&k.PlanLimits}, items[limit.Quota]{&k.PlanQuotas},
			items[limit.Limit]{&k.OwnerLimits}, items[limit.Quota]{&k.OwnerQuotas})
		if err := rows.Scan(destinations...); err != nil {
			return fmt.Errorf("used keys: %w", translate(err))
		}
		if err := each(k); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("used keys: %w", translate(err))
	}
	return nil
}
