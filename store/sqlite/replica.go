package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const replicaColumns = "replica_id, name, address, version, applied_revision, applied_id, started_at, seen_at, left_at, last_read, ceiling"

func scanReplica(r row, p *store.Replica) error {
	return r.Scan(&p.ID, &p.Name, &p.Address, &p.Version, &p.Applied.Revision, &p.Applied.ID,
		instant{&p.StartedAt}, instant{&p.SeenAt}, instant{&p.LeftAt}, instant{&p.LastRead}, span{&p.Ceiling})
}

// PutReplica implements [store.ReplicaRegistry].
func (db *DB) PutReplica(ctx context.Context, p store.Replica) error {
	_, err := db.write.ExecContext(ctx,
		"INSERT INTO replicas ("+replicaColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (replica_id) DO UPDATE SET name = excluded.name, address = excluded.address, version = excluded.version,
			applied_revision = excluded.applied_revision, applied_id = excluded.applied_id,
			started_at = excluded.started_at, seen_at = excluded.seen_at, left_at = excluded.left_at,
			last_read = excluded.last_read, ceiling = excluded.ceiling`,
		p.ID, p.Name, p.Address, p.Version, int64(p.Applied.Revision), p.Applied.ID,
		micros(p.StartedAt), micros(p.SeenAt), micros(p.LeftAt), micros(p.LastRead), p.Ceiling.Microseconds())
	if err != nil {
		return fmt.Errorf("put replica %q: %w", p.ID, translate(err))
	}
	return nil
}

// signOffReplicas does it for the replicas of an earlier process that could
// not: the lock proves that the process is gone. Otherwise receipts would wait
// for them until their ceiling.
func (db *DB) signOffReplicas(ctx context.Context) error {
	_, err := db.write.ExecContext(ctx, "UPDATE replicas SET left_at = ? WHERE left_at IS NULL", micros(db.now()))
	if err != nil {
		return fmt.Errorf("sign off earlier replicas: %w", translate(err))
	}
	return nil
}

// Replicas implements [store.ReplicaRegistry].
func (db *DB) Replicas(ctx context.Context, since time.Time) ([]store.Replica, error) {
	var c conditions
	if !since.IsZero() {
		c.add("seen_at > ?", micros(since))
	}
	found, err := listRows(ctx, db.read, c.query("SELECT "+replicaColumns+" FROM replicas", " ORDER BY replica_id"), c.args, scanReplica)
	if err != nil {
		return nil, fmt.Errorf("replicas: %w", err)
	}
	return found, nil
}

// RemoveReplicas implements [store.ReplicaRegistry].
func (db *DB) RemoveReplicas(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.write, store.OldReplicas, before)
}
