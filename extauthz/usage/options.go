package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"credence/store"
	"credence/store/sketch"
)

// sink takes batches. A store.UsageSink is one.
type sink interface {
	AddUsage(ctx context.Context, b store.UsageBatch) error
}

const (
	// DefaultSize is how many counters there are at most.
	DefaultSize = 100_000
	// batchRows bounds a batch, in rows of each kind.
	batchRows = 500
	// heartbeat is how often a replica delivers that has nothing to tell.
	heartbeat = 15 * time.Second
	// agentsEvery is how often user agents are told. Each second would double
	// the rows of a busy replica.
	agentsEvery = time.Minute
	// idleFor is how long a counter is kept that meets nothing.
	idleFor = 3 * time.Minute
)

// Options are what a Counter needs. Zero sizes and durations take the defaults
// named beside them.
type Options struct {
	Sink    sink
	Replica string        // id of this replica
	Hasher  sketch.Hasher // the same in all replicas
	Now     func() time.Time
	Logger  *slog.Logger

	// Size bounds the counters, one for each key and reason, DefaultSize. Twice
	// as many rows wait at most.
	Size    int
	Every   time.Duration // between two deliveries; 1 second
	Timeout time.Duration // of one call of the sink; 5 seconds
}

func (o *Options) validate() error {
	switch {
	case o.Sink == nil:
		return errors.New("usage options: Sink: missing")
	case o.Replica == "":
		return errors.New("usage options: Replica: missing; give the id of the replica's row")
	case o.Hasher == (sketch.Hasher{}):
		return errors.New("usage options: Hasher: missing; make it of a secret of the deployment")
	case o.Now == nil:
		return errors.New("usage options: Now: missing")
	case o.Logger == nil:
		return errors.New("usage options: Logger: missing")
	case o.Size < 0:
		return fmt.Errorf("usage options: Size: %d is negative", o.Size)
	case o.Every < 0 || o.Timeout < 0:
		return fmt.Errorf("usage options: Every, Timeout: %s, %s: must not be negative", o.Every, o.Timeout)
	}
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return nil
}
