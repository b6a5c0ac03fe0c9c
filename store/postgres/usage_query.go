package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// usageSource is what sums of a step are made of: those that are kept, and
// what has not been rolled up into them.
func usageSource(step store.UsageStep) string {
	const columns = `reason, policy, namespace, owner, plan, checks, latency_us, addresses FROM credence.`
	const minutes = `SELECT key_id, minute AS start_at, ` + columns + `usage_minute`
	const hours = `SELECT key_id, start_at, ` + columns + `usage_hour`
	const rest = minutes + ` WHERE minute >= (SELECT minutes_before FROM credence.usage_rolled)`
	switch step {
	case store.UsageByMinute:
		return minutes
	case store.UsageByHour:
		return hours + " UNION ALL " + rest
	case store.UsageByDay:
		return `SELECT key_id, start_at, ` + columns + `usage_day UNION ALL ` +
			hours + ` WHERE start_at >= (SELECT hours_before FROM credence.usage_rolled) UNION ALL ` + rest
	}
	return minutes
}

// usageDenied is true for a row of refusals.
const usageDenied = `(reason NOT IN ('allowed', 'allowed_anonymous') AND NOT starts_with(reason, 'shadow_'))`

// usageGroup is the expression of a group, and of the namespace it is in.
func usageGroup(g store.UsageGroup) (expression, namespace string) {
	switch g {
	case store.UsageOfKey:
		return "key_id", "''::text"
	case store.UsageOfOwner:
		return "owner", "namespace"
	case store.UsageOfPlan:
		return "plan", "namespace"
	case store.UsageOfNamespace:
		return "namespace", "''::text"
	case store.UsageOfRoute:
		return "policy", "''::text"
	case store.UsageOfReason:
		return "reason", "''::text"
	case store.UsageOfAgent:
		return "agent", "''::text"
	case store.UsageOfAll:
	}
	return "''::text", "''::text"
}

func usageOrder(q *store.UsageQuery) string {
	if q.Series {
		return "1, 3, 2"
	}
	switch q.Top {
	case store.UsageDenials:
		return "5 DESC, 4 DESC, 3, 2"
	case store.UsageLatency:
		return "6 DESC, 3, 2"
	case store.UsageRequests:
	}
	return "4 DESC, 3, 2"
}

// usageColumns are the refusals and the addresses of a group, and where they
// are from.
func usageColumns(q *store.UsageQuery) (denied, crowd, source string) {
	if q.Group == store.UsageOfAgent {
		return "denied", "0::bit(1024)", "credence.usage_agents"
	}
	return "CASE WHEN " + usageDenied + " THEN checks ELSE 0 END", "bit_or(addresses)", "(" + usageSource(q.Step) + ")"
}

// UsageSums implements [store.UsageAnswerer].
func (r reader) UsageSums(ctx context.Context, q store.UsageQuery) ([]store.UsageSum, error) {
	group, namespace := usageGroup(q.Group)
	var c conditions
	from := c.arg(timeOrNull(q.From))
	start := from + "::timestamptz"
	if q.Series {
		start = "date_trunc('" + string(q.Step) + "', start_at, 'UTC')"
	}
	c.add("start_at >= " + from)
	c.add("start_at < " + c.arg(timeOrNull(q.Until)))
	c.anyOf("namespace", q.Namespaces)
	for _, is := range []struct{ column, value string }{
		{"key_id", q.KeyID}, {"owner", q.Owner}, {"plan", q.Plan}, {"policy", q.Policy}, {"reason", q.Reason},
	} {
		if is.value != "" {
			c.add(is.column + " = " + c.arg(is.value))
		}
	}
	if q.Denied {
		c.add(usageDenied)
	}
	denied, crowd, source := usageColumns(&q)
	sql := fmt.Sprintf("SELECT %s, %s, %s, sum(checks)::bigint, sum(%s)::bigint, sum(latency_us)::bigint, %s FROM %s AS u",
		start, namespace, group, denied, crowd, source) + c.where() + " GROUP BY 1, 2, 3 ORDER BY " + usageOrder(&q) + " LIMIT " + c.arg(q.Limit)
	found, err := listRows(ctx, r.q, sql, c.args, func(r row, s *store.UsageSum) error {
		var latency int64
		err := r.Scan(instant{&s.Start}, &s.Namespace, &s.Group, &s.Checks, &s.Denied, &latency, addresses{&s.Addresses})
		s.Latency = time.Duration(latency) * time.Microsecond
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sums of usage: %w", err)
	}
	return found, nil
}

// FailingSums implements [store.UsageAnswerer].
func (r reader) FailingSums(ctx context.Context, reason string, from, until time.Time, limit int) ([]store.FailingAddress, error) {
	found, err := listRows(ctx, r.q,
		`SELECT min(minute), CASE WHEN min(reason) = max(reason) THEN min(reason) ELSE '' END, address, sum(checks)::bigint, sum(uncertain)::bigint
		FROM credence.usage_failing WHERE minute >= $1 AND minute < $2 AND ($3 = '' OR reason = $3)
		GROUP BY address ORDER BY 4 DESC, host(address) COLLATE "C" LIMIT $4`,
		[]any{timeOrNull(from), timeOrNull(until), reason, limit},
		func(r row, f *store.FailingAddress) error {
			return r.Scan(instant{&f.Minute}, &f.Reason, address{&f.Address}, &f.Checks, &f.Uncertain)
		})
	if err != nil {
		return nil, fmt.Errorf("sums of failing addresses: %w", err)
	}
	return found, nil
}

// KeyNetworks implements [store.UsageAnswerer].
func (r reader) KeyNetworks(ctx context.Context, keyID string, from, until time.Time, limit int) ([]store.KeyNetwork, error) {
	found, err := listRows(ctx, r.q,
		`SELECT key_id, network, first_at, last_at FROM credence.key_networks
		WHERE first_at >= $1 AND first_at < $2 AND ($3 = '' OR key_id = $3) ORDER BY first_at, key_id, host(network) COLLATE "C" LIMIT $4`,
		[]any{timeOrNull(from), timeOrNull(until), keyID, limit},
		func(r row, n *store.KeyNetwork) error {
			return r.Scan(&n.KeyID, address{&n.Network}, instant{&n.FirstAt}, instant{&n.LastAt})
		})
	if err != nil {
		return nil, fmt.Errorf("networks of keys: %w", err)
	}
	return found, nil
}

// QuotaUses implements [store.UsageAnswerer].
func (r reader) QuotaUses(ctx context.Context, at time.Time, subject, name string, limit int) ([]store.QuotaUse, error) {
	found, err := listRows(ctx, r.q,
		`SELECT subject, name, start_at, end_at, used FROM credence.quota_counters
		WHERE start_at <= $1 AND end_at > $1 AND (subject, name) > ($2, $3) ORDER BY subject, name LIMIT $4`,
		[]any{timeOrNull(at), subject, name, limit},
		func(r row, u *store.QuotaUse) error {
			return r.Scan(&u.Subject, &u.Name, instant{&u.Start}, instant{&u.End}, &u.Used)
		})
	if err != nil {
		return nil, fmt.Errorf("uses of quotas: %w", err)
	}
	return found, nil
}
