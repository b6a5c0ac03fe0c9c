package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"credence/store"
)

// rolled is how far usage has been summed, in microseconds.
type rolled struct{ minutes, hours int64 }

func readRolled(ctx context.Context, q querier) (r rolled, err error) {
	err = q.QueryRowContext(ctx, "SELECT minutes_before, hours_before FROM usage_rolled").Scan(&r.minutes, &r.hours)
	return r, err
}

// sumInto sums rows into hours or days: %s is the table, then what is read.
const sumInto = `INSERT INTO %s (key_id, start_at, reason, policy, namespace, owner, plan, checks, latency_us, addresses)
	%s
	ON CONFLICT (key_id, start_at, reason, policy) DO UPDATE SET checks = checks + excluded.checks,
		latency_us = latency_us + excluded.latency_us, addresses = credence_merge(addresses, excluded.addresses)`

// addLateUsage adds rows that belong to times which have been summed already.
func addLateUsage(ctx context.Context, tx *sql.Tx, keys []store.KeyUsage) error {
	r, err := readRolled(ctx, tx)
	if err != nil {
		return err
	}
	for i := range keys {
		k := &keys[i]
		for _, into := range []struct {
			table  string
			before int64
			step   time.Duration
		}{{"usage_hour", r.minutes, time.Hour}, {"usage_day", r.hours, 24 * time.Hour}} {
			if k.Minute.UnixMicro() >= into.before {
				continue
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf(sumInto, into.table,
				`SELECT ?1, ?2, ?3, ?4, ifnull(k.namespace, ''), ifnull(k.owner, ''), ifnull(k.plan, ''), ?5, ?6, ?7
				FROM (SELECT 1) LEFT JOIN api_keys AS k ON k.key_id = ?1 WHERE true`),
				k.KeyID, micros(k.Minute.UTC().Truncate(into.step)), k.Reason, k.Policy, k.Checks, k.Latency.Microseconds(), k.Addresses.Bytes())
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// RollUsage implements [store.UsageIngest]: a minute, and then an hour.
func (db *DB) RollUsage(ctx context.Context, until time.Time) (more bool, err error) {
	err = db.write.in(ctx, func(tx *sql.Tx) error {
		r, err := readRolled(ctx, tx)
		if err != nil {
			return err
		}
		var moreHours bool
		r.minutes, more, err = rollStep(ctx, tx, r.minutes, until.UTC().Truncate(time.Minute).UnixMicro(), time.Minute,
			"SELECT min(minute) FROM usage_minute WHERE minute >= ? AND minute < ?",
			fmt.Sprintf(sumInto, "usage_hour", `SELECT key_id, minute - minute % 3600000000, reason, policy, min(namespace), min(owner), min(plan),
				sum(checks), sum(latency_us), credence_crowd(addresses) FROM usage_minute
				WHERE minute >= ? AND minute < ? GROUP BY 1, 2, 3, 4`))
		if err != nil {
			return err
		}
		whole := time.UnixMicro(r.minutes).UTC().Truncate(time.Hour).UnixMicro()
		r.hours, moreHours, err = rollStep(ctx, tx, r.hours, whole, time.Hour,
			"SELECT min(start_at) FROM usage_hour WHERE start_at >= ? AND start_at < ?",
			fmt.Sprintf(sumInto, "usage_day", `SELECT key_id, start_at - start_at % 86400000000, reason, policy, namespace, owner, plan,
				checks, latency_us, addresses FROM usage_hour WHERE start_at >= ? AND start_at < ?`))
		if err != nil {
			return err
		}
		more = more || moreHours
		_, err = tx.ExecContext(ctx, "UPDATE usage_rolled SET minutes_before = ?, hours_before = ?", r.minutes, r.hours)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("roll usage: %w", translate(err))
	}
	return more, nil
}

// rollStep sums the first time that there is something of, and answers up to
// where all has been summed now.
func rollStep(ctx context.Context, tx *sql.Tx, from, until int64, step time.Duration, first, sum string) (reached int64, more bool, err error) {
	if from >= until {
		return from, false, nil
	}
	var next sql.NullInt64
	if err := tx.QueryRowContext(ctx, first, from, until).Scan(&next); err != nil {
		return from, false, err
	}
	if !next.Valid {
		return until, false, nil
	}
	end := next.Int64 + step.Microseconds()
	if _, err := tx.ExecContext(ctx, sum, next.Int64, end); err != nil {
		return from, false, err
	}
	return end, true, nil
}

// RemoveUsageSums implements [store.UsageIngest].
func (db *DB) RemoveUsageSums(ctx context.Context, hours, days time.Time) (int, error) {
	n, err := removeOld(ctx, db.write, store.OldUsageHours, hours)
	if err != nil {
		return n, err
	}
	more, err := removeOld(ctx, db.write, store.OldUsageDays, days)
	return n + more, err
}

// addKeyNetworks keeps where keys were used from.
func addKeyNetworks(ctx context.Context, tx *sql.Tx, used []store.KeyLastUse) error {
	if len(used) == 0 {
		return nil
	}
	return prepared(ctx, tx, `INSERT INTO key_networks (key_id, network, first_at, last_at)
		SELECT ?1, ?2, ?3, ?3 FROM api_keys AS k WHERE k.key_id = ?1 AND k.status <> 'purged'
			AND ((SELECT count(*) FROM key_networks WHERE key_id = ?1) < ?4
				OR EXISTS (SELECT 1 FROM key_networks WHERE key_id = ?1 AND network = ?2))
		ON CONFLICT (key_id, network) DO UPDATE SET first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)
		WHERE excluded.last_at >= last_at + ?5 OR excluded.first_at < first_at OR last_at = first_at AND excluded.last_at > last_at`,
		func(ctx context.Context, add *sql.Stmt) error {
			for _, u := range used {
				for _, n := range u.Networks {
					_, err := add.ExecContext(ctx, u.KeyID, n.String(), micros(u.At), store.MaxKeyNetworks, time.Hour.Microseconds())
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
}
