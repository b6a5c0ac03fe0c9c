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
	// LastRead is the instant before its last read of the feed that left
	// nothing unapplied, as it was at the last report; zero before the first.
	LastRead time.Time
	// Ceiling is the longest time it goes on deciding after such a read.
	Ceiling time.Duration
}

const (
	// ReportWithin is how old a replica's last stored report may be for its
	// reads of the feed to count. A replica that cannot report so learns of
	// changes as long as it can read, but its ceiling draws nearer: whoever
	// waits for replicas must not have to wait for one that nobody hears of.
	ReportWithin = time.Minute
	// MaxClockSkew is how far the clocks of one deployment may be apart.
	MaxClockSkew = time.Minute
)

// StopsBy is the instant, by any clock of the deployment, at which the replica
// has stopped deciding by itself unless it reports again.
func (r *Replica) StopsBy() time.Time {
	return r.SeenAt.Add(ReportWithin + r.Ceiling + MaxClockSkew)
}

// ReplicaRegistry is where replicas report. Reports are no changes: they are
// neither audited nor in the feed.
type ReplicaRegistry interface {
	// PutReplica MUST insert or overwrite the row of r.ID. A backend that others
	// can reach may take instants that are ahead of its clock back to it, give
	// or take MaxClockSkew, and refuse what cannot be with ErrInvalid.
	PutReplica(ctx context.Context, r Replica) error
	// Replicas MUST answer every replica seen after since, ordered by id,
	// those that signed off included.
	Replicas(ctx context.Context, since time.Time) ([]Replica, error)
	// RemoveReplicas MUST delete at most RemoveBatch rows last seen before the
	// instant, oldest first, and answer how many.
	RemoveReplicas(ctx context.Context, before time.Time) (int, error)
}
