package store

import (
	"context"
	"time"
)

// Replica is one running data-plane process; a new id at every start.
type Replica struct {
	ID        string // "rep_" + random id
	Name      string // host or pod name, for people
	Address   string // where its Check port listens
	Version   string // of the program
	Applied   Position
	StartedAt time.Time
	SeenAt    time.Time // last report
	LeftAt    time.Time // signed off; zero while it runs
}

// ReplicaRegistry is where replicas report. Reports are no changes: they are
// neither audited nor in the feed.
type ReplicaRegistry interface {
	// PutReplica MUST insert or overwrite the row of r.ID.
	PutReplica(ctx context.Context, r Replica) error
	// Replicas MUST answer every replica seen after since, ordered by id,
	// those that signed off included.
	Replicas(ctx context.Context, since time.Time) ([]Replica, error)
	// RemoveReplicas MUST delete at most RemoveBatch rows last seen before the
	// instant, oldest first, and answer how many.
	RemoveReplicas(ctx context.Context, before time.Time) (int, error)
}
