package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

// usedQuery walks the index of last use.
const usedQuery = "SELECT " + keyColumns + `, p.limits, p.quotas, o.limits, o.quotas
	FROM credence.api_keys AS k
	LEFT JOIN credence.plans AS p ON p.namespace = k.namespace AND p.name = k.plan
	LEFT JOIN credence.owners AS o ON o.namespace = k.namespace AND o.name = k.owner
	WHERE k.status = 'active'
	ORDER BY k.last_used_at DESC NULLS LAST, k.created_at DESC LIMIT $1`

// UsedKeys implements [store.UsedKeyReader]. The rows stream for as long as ctx
// lasts: unlike all other queries it has no deadline of its own.
func (db *DB) UsedKeys(ctx context.Context, most int, each func(store.KeyRecord) error) error {
	rows, err := db.pool.Query(ctx, usedQuery, most)
	if err != nil {
		return fmt.Errorf("used keys: %w", translate(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		var k store.KeyRecord
		destinations := append(keyDestinations(&k.Key), &k.PlanLimits, &k.PlanQuotas, &k.OwnerLimits, &k.OwnerQuotas)
		if err := rows.Scan(destinations...); err != nil {
			return fmt.Errorf("used keys: %w", translate(ctx, err))
		}
		tidyKey(&k.Key)
		noneIsNil(&k.PlanLimits, &k.OwnerLimits)
		noneIsNil(&k.PlanQuotas, &k.OwnerQuotas)
		if err := each(k); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("used keys: %w", translate(ctx, err))
	}
	return nil
}
