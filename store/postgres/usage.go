package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"credence/store"
	"credence/store/sketch"
)

// AddUsage implements [store.UsageSink]. A replica that another process made
// is [store.ErrConflict].
func (db *DB) AddUsage(ctx context.Context, b store.UsageBatch) error {
	batch, err := usageJSON(&b)
	if err == nil {
		_, err = db.q.exec(ctx, "SELECT credence.ship_usage($1, $2::jsonb)", db.holder[:], batch)
	}
	if err != nil {
		return fmt.Errorf("add usage %d of %q: %w", b.Sequence, b.Replica, err)
	}
	return nil
}

// IngestUsage implements [store.UsageIngest].
func (db *DB) IngestUsage(ctx context.Context, b store.UsageBatch) error {
	batch, err := usageJSON(&b)
	if err == nil {
		_, err = db.q.exec(ctx, "SELECT credence.apply_usage(NULL, $1::jsonb)", batch)
	}
	if err != nil {
		return fmt.Errorf("ingest usage %d of %q: %w", b.Sequence, b.Replica, err)
	}
	return nil
}

// RecordUsageGaps implements [store.UsageIngest].
func (db *DB) RecordUsageGaps(ctx context.Context, silentSince time.Time) (int, error) {
	var n int
	err := db.q.value(ctx, "SELECT credence.record_usage_gaps($1)", []any{timeOrNull(silentSince)}, &n)
	if err != nil {
		return 0, fmt.Errorf("record usage gaps: %w", err)
	}
	return n, nil
}

// RemoveUsage implements [store.UsageIngest].
func (db *DB) RemoveUsage(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.q, store.OldUsage, before)
}

// UsageArrivals implements [store.UsageReader].
func (r reader) UsageArrivals(ctx context.Context) ([]store.UsageArrival, error) {
	found, err := listRows(ctx, r.q, "SELECT replica_id, applied_at, ended_at FROM credence.usage_replicas ORDER BY replica_id", nil,
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
		`SELECT key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses FROM credence.usage_minute
		WHERE key_id = $1 AND minute >= $2 AND minute < $3 ORDER BY minute, reason, policy LIMIT $4`,
		[]any{keyID, timeOrNull(from), timeOrNull(until), limit}, scanUsageMinute)
	if err != nil {
		return nil, fmt.Errorf("usage of %q: %w", keyID, err)
	}
	return found, nil
}

// DeniedMinutes implements [store.UsageAnswerer].
func (r reader) DeniedMinutes(ctx context.Context, from, until time.Time, limit int) ([]store.UsageMinute, error) {
	found, err := listRows(ctx, r.q,
		`SELECT key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses FROM credence.usage_minute
		WHERE minute >= $1 AND minute < $2 AND key_id <> '' AND reason NOT IN ('allowed', 'allowed_anonymous')
		ORDER BY minute, key_id, reason, policy LIMIT $3`,
		[]any{timeOrNull(from), timeOrNull(until), limit}, scanUsageMinute)
	if err != nil {
		return nil, fmt.Errorf("denied usage: %w", err)
	}
	return found, nil
}

func scanUsageMinute(r row, u *store.UsageMinute) error {
	var latency int64
	err := r.Scan(&u.KeyID, instant{&u.Minute}, &u.Reason, &u.Policy, &u.Minutes, &u.Namespace, &u.Owner, &u.Plan,
		&u.Checks, &latency, addresses{&u.Addresses})
	u.Latency = time.Duration(latency) * time.Microsecond
	return err
}

// FailingAddresses implements [store.UsageReader].
func (r reader) FailingAddresses(ctx context.Context, from, until time.Time, limit int) ([]store.FailingAddress, error) {
	found, err := listRows(ctx, r.q,
		`SELECT minute, reason, address, checks, uncertain FROM credence.usage_failing
		WHERE minute >= $1 AND minute < $2 ORDER BY minute, reason, checks DESC, address LIMIT $3`,
		[]any{timeOrNull(from), timeOrNull(until), limit},
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
		`SELECT replica_id, from_at, to_at, cause FROM credence.usage_gaps
		WHERE to_at >= $1 AND from_at < $2 ORDER BY from_at, replica_id LIMIT $3`,
		[]any{timeOrNull(from), timeOrNull(until), limit},
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

// ScanBits implements [pgtype.BitsScanner].
func (c addresses) ScanBits(v pgtype.Bits) error {
	if !v.Valid || c.to.SetBytes(v.Bytes) != nil {
		return fmt.Errorf("%w: column holds %d bits instead of a sketch", store.ErrCorrupt, v.Len)
	}
	return nil
}
