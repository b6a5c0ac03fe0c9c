package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const replicaColumns = "replica_id, name, address, version, applied_revision, applied_id, started_at, seen_at, left_at, last_read, ceiling"

func scanReplica(r row, p *store.Replica) error {
	return r.Scan(&p.ID, &p.Name, &p.Address, &p.Version, &p.Applied.Revision, &p.Applied.ID,
		instant{&p.StartedAt}, instant{&p.SeenAt}, instant{&p.LeftAt}, instant{&p.LastRead}, &p.Ceiling)
}

// PutReplica implements [store.ReplicaRegistry]. A row that another process
// made is [store.ErrConflict].
func (db *DB) PutReplica(ctx context.Context, p store.Replica) error {
	_, err := db.q.exec(ctx, "SELECT credence.put_replica($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		db.holder[:], p.ID, p.Name, p.Address, p.Version, int64(p.Applied.Revision), p.Applied.ID,
		timeOrNull(p.StartedAt), timeOrNull(p.SeenAt), timeOrNull(p.LeftAt), timeOrNull(p.LastRead), p.Ceiling.Truncate(time.Microsecond))
	if err != nil {
		return fmt.Errorf("put replica %q: %w", p.ID, err)
	}
	return nil
}

// Replicas implements [store.ReplicaRegistry].
func (db *DB) Replicas(ctx context.Context, since time.Time) ([]store.Replica, error) {
	found, err := listRows(ctx, db.q,
		"SELECT "+replicaColumns+" FROM credence.replicas WHERE seen_at > coalesce($1, '-infinity'::timestamptz) ORDER BY replica_id",
		[]any{timeOrNull(since)}, scanReplica)
	if err != nil {
		return nil, fmt.Errorf("replicas: %w", err)
	}
	return found, nil
}

// RemoveReplicas implements [store.ReplicaRegistry].
func (db *DB) RemoveReplicas(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.q, store.OldReplicas, before)
}
