package store

import (
	"context"
	"time"
)

// QuotaWindow names one calendar window of one quota of one subject.
type QuotaWindow struct {
	Subject string    // a key id ("key_..."; of keys that were rotated the first's), or "owner:<namespace>/<name>"
	Name    string    // of the quota
	Start   time.Time // UTC start of the day or month
	End     time.Time
}

// QuotaCounters keeps calendar budgets across restarts. Replicas reserve
// blocks and spend them in memory; a crash loses at most one block each.
type QuotaCounters interface {
	// ReserveQuota MUST atomically add min(want, limit-used) to what is used
	// in the window and answer that amount and the new total; 0 when the
	// window is spent. Two callers never get the same units. A subject that is
	// not there, or a window that cannot be, may be ErrInvalid.
	ReserveQuota(ctx context.Context, w QuotaWindow, want, limit int64) (granted, used int64, err error)
	// ReturnQuota MUST give back units reserved and not spent.
	ReturnQuota(ctx context.Context, w QuotaWindow, units int64) error
	// RemoveQuotas MUST delete at most RemoveBatch windows that ended before
	// the instant, oldest first, and answer how many.
	RemoveQuotas(ctx context.Context, before time.Time) (int, error)
}
