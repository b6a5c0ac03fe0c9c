package harness

import (
	"context"
	"fmt"
	"time"
)

// Patience is how long the harness waits for another process to do what it
// must; generous, because it only matters when something is broken.
const Patience = 30 * time.Second

type patienceKey struct{}

// WithPatience has the harness wait that long, in place of [Patience], for
// processes that are started with the context: those that have much to load.
func WithPatience(ctx context.Context, patience time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, patience)
}

func patienceOf(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return d
	}
	return Patience
}

// Until asks check again and again until it answers nil. After patience, or
// when ctx ends, it answers what the last check said.
func Until(ctx context.Context, patience time.Duration, what string, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, patience, err)
		case <-tick.C:
		}
	}
}
