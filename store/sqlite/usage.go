package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"credence/store"
	"credence/store/sketch"
)

// AddUsage implements [store.UsageSink]. One process has the file, so every
// replica is its own.
func (db *DB) AddUsage(ctx context.Context, b store.UsageBatch) error { return db.IngestUsage(ctx, b) }

// IngestUsage implements [store.UsageIngest].
func (db *DB) IngestUsage(ctx context.Context, b store.UsageBatch) error {
	err := db.write.in(ctx, func(tx *sql.Tx) error {
		first, err := takeUsageTurn(ctx, tx, &b, db.now())
		if err != nil || !first {
			return err
		}
		if err := addKeyUsage(ctx, tx, b.Keys); err != nil {
			return err
		}
		if err := addLateUsage(ctx, tx, b.Keys); err != nil {
			return err
		}
		if err := addFailing(ctx, tx, b.Failing); err != nil {
			return err
		}
		if err := addAgents(ctx, tx, b.Agents); err != nil {
			return err
		}
		if err := addLastUse(ctx, tx, b.Used); err != nil {
			return err
		}
		return addKeyNetworks(ctx, tx, b.Used)
	})
	if err != nil {
		return fmt.Errorf("usage %d of %q: %w", b.Sequence, b.Replica, translate(err))
	}
	return nil
}

// takeUsageTurn claims the number of a batch: true the first time.
func takeUsageTurn(ctx context.Context, tx *sql.Tx, b *store.UsageBatch, now time.Time) (bool, error) {
	_, err := tx.ExecContext(ctx,
		"INSERT INTO usage_replicas (replica_id, sequence, applied_at, received_at) VALUES (?, 0, ?, ?) ON CONFLICT DO NOTHING",
		b.Replica, micros(b.Started), micros(now))
	if err != nil {
		return false, err
	}
	var done int64
	err = tx.QueryRowContext(ctx, "SELECT sequence FROM usage_replicas WHERE replica_id = ?", b.Replica).Scan(&done)
	if err != nil || b.Sequence <= done {
		return false, err
	}
	n, err := removed(tx.ExecContext(ctx,
		"INSERT INTO usage_ahead (replica_id, sequence, at, received_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		b.Replica, b.Sequence, micros(b.At), micros(now)))
	if err != nil || n == 0 {
		return false, err
	}
	// Whoever delivers is alive.
	if _, err := tx.ExecContext(ctx, "DELETE FROM usage_gaps WHERE replica_id = ? AND cause = 'killed'", b.Replica); err != nil {
		return false, err
	}
	var ended any
	if b.Final {
		ended = micros(b.At)
	}
	_, err = tx.ExecContext(ctx, "UPDATE usage_replicas SET received_at = ?, ended_at = ? WHERE replica_id = ?", micros(now), ended, b.Replica)
	if err != nil {
		return false, err
	}
	return true, advanceUsage(ctx, tx, b.Replica, done)
}

// advanceUsage moves the number up to which all batches have come.
func advanceUsage(ctx context.Context, tx *sql.Tx, replica string, behind int64) error {
	reached, last := behind, int64(0)
	for {
		err := tx.QueryRowContext(ctx, "DELETE FROM usage_ahead WHERE replica_id = ? AND sequence = ? RETURNING at",
			replica, reached+1).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return err
		}
		reached++
	}
	if reached == behind {
		return nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE usage_replicas SET sequence = ?, applied_at = ? WHERE replica_id = ?", reached, last, replica)
	return err
}

// RecordUsageGaps implements [store.UsageIngest].
func (db *DB) RecordUsageGaps(ctx context.Context, silentSince time.Time) (int, error) {
	total := 0
	err := db.write.in(ctx, func(tx *sql.Tx) error {
		killed, err := recordKilled(ctx, tx, silentSince)
		if err != nil {
			return err
		}
		lost, err := recordLost(ctx, tx, silentSince)
		total = killed + lost
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("record usage gaps: %w", translate(err))
	}
	return total, nil
}

func recordKilled(ctx context.Context, tx *sql.Tx, silentSince time.Time) (int, error) {
	const dead = ` FROM usage_replicas AS u LEFT JOIN replicas AS r ON r.replica_id = u.replica_id
		WHERE u.ended_at IS NULL AND u.received_at < ?1 AND (r.replica_id IS NULL OR r.left_at IS NOT NULL OR r.seen_at < ?1)`
	n, err := removed(tx.ExecContext(ctx,
		`INSERT INTO usage_gaps (replica_id, from_at, to_at, cause)
		SELECT u.replica_id, u.applied_at, max(u.applied_at, ifnull(ifnull(r.left_at, r.seen_at), u.applied_at)), 'killed'`+dead+
			" ON CONFLICT DO NOTHING", micros(silentSince)))
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE usage_replicas SET ended_at = applied_at WHERE replica_id IN (SELECT u.replica_id"+dead+")",
		micros(silentSince))
	return n, err
}

func recordLost(ctx context.Context, tx *sql.Tx, silentSince time.Time) (int, error) {
	for n := 0; ; n++ {
		var replica string
		var behind, first, at int64
		err := tx.QueryRowContext(ctx,
			`SELECT u.replica_id, u.applied_at, a.sequence, max(u.applied_at, a.at)
			FROM usage_ahead AS late JOIN usage_replicas AS u ON u.replica_id = late.replica_id
				JOIN usage_ahead AS a ON a.replica_id = u.replica_id
			WHERE late.received_at < ? ORDER BY u.replica_id, a.sequence LIMIT 1`, micros(silentSince)).
			Scan(&replica, &behind, &first, &at)
		if errors.Is(err, sql.ErrNoRows) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO usage_gaps (replica_id, from_at, to_at, cause) VALUES (?, ?, ?, 'lost')
			ON CONFLICT (replica_id, from_at, cause) DO UPDATE SET to_at = max(to_at, excluded.to_at)`, replica, behind, at)
		if err != nil {
			return n, err
		}
		if err := advanceUsage(ctx, tx, replica, first-1); err != nil {
			return n, err
		}
	}
}

// RemoveUsage implements [store.UsageIngest].
func (db *DB) RemoveUsage(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.write, store.OldUsage, before)
}

// UsageArrivals implements [store.UsageReader].
func (r reader) UsageArrivals(ctx context.Context) ([]store.UsageArrival, error) {
	found, err := listRows(ctx, r.q, "SELECT replica_id, applied_at, ended_at FROM usage_replicas ORDER BY replica_id", nil,
		func(r row, a *store.UsageArrival) error {
			return r.Scan(&a.Replica, instant{&a.Until}, instant{&a.EndedAt})
		})
	if err != nil {
		return nil, fmt.Errorf("usage arrivals: %w", err)
	}
	return found, nil
}

// UsageMinutes implements [store.UsageReader].
func (r reader) UsageMinutes(ctx context.Context, keyID string, from, until time.Time, limit int) ([]store.UsageMinute, error) {
	found, err := listRows(ctx, r.q,
		`SELECT key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses FROM usage_minute
		WHERE key_id = ? AND minute >= ? AND minute < ? ORDER BY minute, reason, policy LIMIT ?`,
		[]any{keyID, from.UnixMicro(), until.UnixMicro(), limit}, scanUsageMinute)
	if err != nil {
		return nil, fmt.Errorf("usage of %q: %w", keyID, err)
	}
	return found, nil
}

// DeniedMinutes implements [store.UsageAnswerer].
func (r reader) DeniedMinutes(ctx context.Context, from, until time.Time, limit int) ([]store.UsageMinute, error) {
	found, err := listRows(ctx, r.q,
		`SELECT key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses FROM usage_minute
		WHERE minute >= ? AND minute < ? AND key_id <> '' AND reason NOT IN ('allowed', 'allowed_anonymous')
		ORDER BY minute, key_id, reason, policy LIMIT ?`,
		[]any{from.UnixMicro(), until.UnixMicro(), limit}, scanUsageMinute)
	if err != nil {
		return nil, fmt.Errorf("denied usage: %w", err)
	}
	return found, nil
}

func scanUsageMinute(r row, u *store.UsageMinute) error {
	return r.Scan(&u.KeyID, instant{&u.Minute}, &u.Reason, &u.Policy, &u.Minutes, &u.Namespace, &u.Owner, &u.Plan,
		&u.Checks, span{&u.Latency}, addresses{&u.Addresses})
}

// FailingAddresses implements [store.UsageReader].
func (r reader) FailingAddresses(ctx context.Context, from, until time.Time, limit int) ([]store.FailingAddress, error) {
	found, err := listRows(ctx, r.q,
		`SELECT minute, reason, address, checks, uncertain FROM usage_failing
		WHERE minute >= ? AND minute < ? ORDER BY minute, reason, checks DESC, address LIMIT ?`,
		[]any{from.UnixMicro(), until.UnixMicro(), limit},
		func(r row, f *store.FailingAddress) error {
			return r.Scan(instant{&f.Minute}, &f.Reason, address{&f.Address}, &f.Checks, &f.Uncertain)
		})
	if err != nil {
		return nil, fmt.Errorf("failing addresses: %w", err)
	}
	return found, nil
}

// UsageGaps implements [store.UsageReader].
func (r reader) UsageGaps(ctx context.Context, from, until time.Time, limit int) ([]store.UsageGap, error) {
	found, err := listRows(ctx, r.q,
		`SELECT replica_id, from_at, to_at, cause FROM usage_gaps
		WHERE to_at >= ? AND from_at < ? ORDER BY from_at, replica_id LIMIT ?`,
		[]any{from.UnixMicro(), until.UnixMicro(), limit},
		func(r row, g *store.UsageGap) error {
			return r.Scan(&g.Replica, instant{&g.From}, instant{&g.To}, &g.Cause)
		})
	if err != nil {
		return nil, fmt.Errorf("usage gaps: %w", err)
	}
	return found, nil
}

// addresses scans a sketch.
type addresses struct{ to *sketch.Sketch }

// Scan implements [database/sql.Scanner].
func (c addresses) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || c.to.SetBytes(b) != nil {
		return unexpected("sketch", v)
	}
	return nil
}
