package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"credence/store"
	"credence/store/limit"
)

// usedQuery walks the index of last use.
const usedQuery = "SELECT " + keyColumns + `, p.limits, p.quotas, o.limits, o.quotas
	FROM credence.api_keys AS k
	LEFT JOIN credence.plans AS p ON p.namespace = k.namespace AND p.name = k.plan
	LEFT JOIN credence.owners AS o ON o.namespace = k.namespace AND o.name = k.owner
	WHERE k.status = 'active'
	ORDER BY k.last_used_at DESC NULLS LAST, k.created_at DESC LIMIT $1`

// UsedKeys implements [store.UsedKeyReader]. The rows stream for as long as ctx
// lasts: unlike all other queries it has no deadline of its own. Records share
// the lists of limits that read the same.
func (db *DB) UsedKeys(ctx context.Context, most int, each func(store.KeyRecord) error) error {
	rows, err := db.pool.Query(ctx, usedQuery, most)
	if err != nil {
		return fmt.Errorf("used keys: %w", translate(ctx, err))
	}
	defer rows.Close()
	var k store.KeyRecord
	destinations := remembering(append(keyDestinations(&k.Key), &k.PlanLimits, &k.PlanQuotas, &k.OwnerLimits, &k.OwnerQuotas))
	for rows.Next() {
		k = store.KeyRecord{}
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

// mostRemembered bounds how many different values of a column are remembered.
const mostRemembered = 4096

// remembering has the JSON columns remember what they have read: decoding it
// for each key would be most of the work, and there are few different plans.
func remembering(destinations []any) []any {
	limits, quotas, labels := map[string][]limit.Limit{}, map[string][]limit.Quota{}, map[string]map[string]string{}
	for i, to := range destinations {
		switch to := to.(type) {
		case *[]limit.Limit:
			destinations[i] = remembered[[]limit.Limit]{to, limits}
		case *[]limit.Quota:
			destinations[i] = remembered[[]limit.Quota]{to, quotas}
		case *map[string]string:
			destinations[i] = remembered[map[string]string]{to, labels}
		}
	}
	return destinations
}

// remembered scans a column of JSON.
type remembered[T any] struct {
	to    *T
	known map[string]T
}

// ScanBytes implements [pgtype.BytesScanner].
func (c remembered[T]) ScanBytes(b []byte) error {
	if b == nil { // no plan, no owner
		return nil
	}
	value, ok := c.known[string(b)]
	if !ok {
		if err := json.Unmarshal(b, &value); err != nil {
			return fmt.Errorf("%w: column holds JSON of another kind: %w", store.ErrCorrupt, err)
		}
		if len(c.known) < mostRemembered {
			c.known[string(b)] = value
		}
	}
	*c.to = value
	return nil
}
