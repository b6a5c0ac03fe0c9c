package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// KindRotationClose is the job that ends the grace of a rotated key.
const KindRotationClose = "rotation_close"

// rotationCloser is the use-case. Service of package management fulfils it.
type rotationCloser interface {
	// KeyRotationClose closes a rotation whose time has come and answers the
	// zero time when nothing is left to do, else the instant at which to call
	// again.
	KeyRotationClose(ctx context.Context, keyID string) (again time.Time, err error)
}

// errNoKey is errNoRule for keys.
var errNoKey = errors.New("arguments name no key")

// rotationClose closes one rotation. It may run any number of times: one that
// is closed is what it wants, and one that is not to be closed yet gets its
// job anew.
func rotationClose(rotations rotationCloser, queue rescheduler) store.JobHandler {
	return func(ctx context.Context, args json.RawMessage) error {
		var of struct {
			KeyID string `json:"key_id"`
		}
		if err := json.Unmarshal(args, &of); err != nil {
			return fmt.Errorf("%s: %w: %w", KindRotationClose, errNoKey, err)
		}
		if of.KeyID == "" {
			return fmt.Errorf("%s: %w", KindRotationClose, errNoKey)
		}
		again, err := rotations.KeyRotationClose(ctx, of.KeyID)
		if err != nil {
			return fmt.Errorf("%s: %w", KindRotationClose, err)
		}
		if again.IsZero() {
			return nil
		}
		if err := queue.Reschedule(ctx, store.Job{Kind: KindRotationClose, Args: args, RunAt: again}); err != nil {
			return fmt.Errorf("%s: reschedule: %w", KindRotationClose, err)
		}
		return nil
	}
}
