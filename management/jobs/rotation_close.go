package jobs

import (
	"context"
	"time"
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

func rotationClose(rotations rotationCloser) due {
	return due{kind: KindRotationClose, field: "key_id", do: rotations.KeyRotationClose}
}
