package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	"modernc.org/sqlite"

	"credence/store"
	"credence/store/sketch"
)

// usageSource is what sums of a step are made of: those that are kept, and
// what has not been rolled up into them.
func usageSource(step store.UsageStep) string {
	const minutes = `SELECT key_id, minute AS start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses FROM usage_minute`
	const hours = `SELECT key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses FROM usage_hour`
	const rest = minutes + ` WHERE minute >= (SELECT minutes_before FROM usage_rolled)`
	switch step {
	case store.UsageByMinute:
		return minutes
	case store.UsageByHour:
		return hours + " UNION ALL " + rest
	case store.UsageByDay:
		return `SELECT key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses FROM usage_day UNION ALL ` +
			hours + ` WHERE start_at >= (SELECT hours_before FROM usage_rolled) UNION ALL ` + rest
	}
	return minutes
}

// usageDenied is 1 for a row of refusals.
const usageDenied = `(reason NOT IN ('allowed', 'allowed_anonymous') AND reason NOT GLOB 'shadow_*')`

// usageStep is the length of a step.
func usageStep(step store.UsageStep) time.Duration {
	switch step {
	case store.UsageByHour:
		return time.Hour
	case store.UsageByDay:
		return 24 * time.Hour
	case store.UsageByMinute:
	}
	return time.Minute
}

// usageGroup is the expression of a group, and of the namespace it is in.
func usageGroup(g store.UsageGroup) (expression, namespace string) {
	switch g {
	case store.UsageOfKey:
		return "key_id", "''"
	case store.UsageOfOwner:
		return "owner", "namespace"
	case store.UsageOfPlan:
		return "plan", "namespace"
	case store.UsageOfNamespace:
		return "namespace", "''"
	case store.UsageOfRoute:
		return "policy", "''"
	case store.UsageOfReason:
		return "reason", "''"
	case store.UsageOfAgent:
		return "agent", "''"
	case store.UsageOfAll:
	}
	return "''", "''"
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
		return "denied", "zeroblob(128)", "usage_agents"
	}
	return "CASE WHEN " + usageDenied + " THEN checks ELSE 0 END", "credence_crowd(addresses)", "(" + usageSource(q.Step) + ")"
}

// UsageSums implements [store.UsageAnswerer].
func (r reader) UsageSums(ctx context.Context, q store.UsageQuery) ([]store.UsageSum, error) {
	step := usageStep(q.Step).Microseconds()
	group, namespace := usageGroup(q.Group)
	start := strconv.FormatInt(q.From.UnixMicro(), 10)
	if q.Series {
		start = fmt.Sprintf("start_at - start_at %% %d", step)
	}
	var c conditions
	c.add("start_at >= ?", q.From.UnixMicro())
	c.add("start_at < ?", q.Until.UnixMicro())
	c.anyOf("namespace", q.Namespaces)
	for _, is := range []struct{ column, value string }{
		{"key_id", q.KeyID}, {"owner", q.Owner}, {"plan", q.Plan}, {"policy", q.Policy}, {"reason", q.Reason},
	} {
		if is.value != "" {
			c.add(is.column+" = ?", is.value)
		}
	}
	if q.Denied {
		c.add(usageDenied)
	}
	c.args = append(c.args, q.Limit)
	denied, crowd, source := usageColumns(&q)
	head := fmt.Sprintf("SELECT %s, %s, %s, sum(checks), sum(%s), sum(latency_us), %s FROM %s", start, namespace, group, denied, crowd, source)
	found, err := listRows(ctx, r.q, c.query(head, " GROUP BY 1, 2, 3 ORDER BY "+usageOrder(&q)+" LIMIT ?"), c.args,
		func(r row, s *store.UsageSum) error {
			return r.Scan(instant{&s.Start}, &s.Namespace, &s.Group, &s.Checks, &s.Denied, span{&s.Latency}, addresses{&s.Addresses})
		})
	if err != nil {
		return nil, fmt.Errorf("sums of usage: %w", err)
	}
	return found, nil
}

// FailingSums implements [store.UsageAnswerer].
func (r reader) FailingSums(ctx context.Context, reason string, from, until time.Time, limit int) ([]store.FailingAddress, error) {
	found, err := listRows(ctx, r.q,
		`SELECT min(minute), CASE WHEN min(reason) = max(reason) THEN min(reason) ELSE '' END, address, sum(checks), sum(uncertain)
		FROM usage_failing WHERE minute >= ?1 AND minute < ?2 AND (?3 = '' OR reason = ?3)
		GROUP BY address ORDER BY 4 DESC, address LIMIT ?4`,
		[]any{from.UnixMicro(), until.UnixMicro(), reason, limit},
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
		`SELECT key_id, network, first_at, last_at FROM key_networks
		WHERE first_at >= ?1 AND first_at < ?2 AND (?3 = '' OR key_id = ?3) ORDER BY first_at, key_id, network LIMIT ?4`,
		[]any{from.UnixMicro(), until.UnixMicro(), keyID, limit},
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
		`SELECT subject, name, start_at, end_at, used FROM quota_counters
		WHERE start_at <= ?1 AND end_at > ?1 AND (subject, name) > (?2, ?3) ORDER BY subject, name LIMIT ?4`,
		[]any{at.UnixMicro(), subject, name, limit},
		func(r row, u *store.QuotaUse) error {
			return r.Scan(&u.Subject, &u.Name, instant{&u.Start}, instant{&u.End}, &u.Used)
		})
	if err != nil {
		return nil, fmt.Errorf("uses of quotas: %w", err)
	}
	return found, nil
}

// crowd is the OR of sketches, as an aggregate.
type crowd struct{ all sketch.Sketch }

func newCrowd(sqlite.FunctionContext) (sqlite.AggregateFunction, error) { return &crowd{}, nil }

func (c *crowd) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	raw, ok := args[0].([]byte)
	if !ok {
		return fmt.Errorf("%w: %T", sketch.ErrMalformed, args[0])
	}
	var s sketch.Sketch
	if err := s.SetBytes(raw); err != nil {
		return err
	}
	c.all.Merge(&s)
	return nil
}

// WindowInverse is for windows, which nothing here asks for.
func (c *crowd) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return sketch.ErrMalformed
}

func (c *crowd) WindowValue(*sqlite.FunctionContext) (driver.Value, error) { return c.all.Bytes(), nil }

func (c *crowd) Final(*sqlite.FunctionContext) {}
