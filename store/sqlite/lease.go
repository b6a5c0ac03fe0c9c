package sqlite

import (
	"context"
	"fmt"
	"time"
)

// TryLease implements [store.Leases].
func (db *DB) TryLease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	now := db.now()
	n, err := removed(db.write.ExecContext(ctx,
		`INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
		WHERE leases.holder = excluded.holder OR leases.expires_at <= ?`,
		name, holder, micros(now.Add(ttl)), micros(now)))
	if err != nil {
		return false, fmt.Errorf("lease %q: %w", name, err)
	}
	return n > 0, nil
}

// ReleaseLease implements [store.Leases].
func (db *DB) ReleaseLease(ctx context.Context, name, holder string) error {
	_, err := db.write.ExecContext(ctx, "DELETE FROM leases WHERE name = ? AND holder = ?", name, holder)
	if err != nil {
		return fmt.Errorf("release lease %q: %w", name, translate(err))
	}
	return nil
}
