package postgres

import (
	"context"
	"fmt"
	"time"
)

// TryLease implements [store.Leases], by the server's clock.
func (db *DB) TryLease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	n, err := db.q.exec(ctx,
		`INSERT INTO credence.leases AS l (name, holder, expires_at) VALUES ($1, $2, clock_timestamp() + $3::interval)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
		WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp()`,
		name, holder, ttl.Truncate(time.Microsecond))
	if err != nil {
		return false, fmt.Errorf("lease %q: %w", name, err)
	}
	return n > 0, nil
}

// ReleaseLease implements [store.Leases].
func (db *DB) ReleaseLease(ctx context.Context, name, holder string) error {
	_, err := db.q.exec(ctx, "DELETE FROM credence.leases WHERE name = $1 AND holder = $2", name, holder)
	if err != nil {
		return fmt.Errorf("release lease %q: %w", name, err)
	}
	return nil
}
