package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// usageKeeper is what the usage pass works on. [store.Store] fulfils it.
type usageKeeper interface {
	RecordUsageGaps(ctx context.Context, silentSince time.Time) (int, error)
	RollUsage(ctx context.Context, until time.Time) (more bool, err error)
}

// What the usage pass does when the options do not say otherwise.
const (
	DefaultUsageInterval = 30 * time.Second
	// DefaultUsageSilence is many times what a replica takes between two
	// batches or two reports, and more than clocks may be apart.
	DefaultUsageSilence = 5 * time.Minute

	// usageSettled is how old a minute is when it is summed. What comes later
	// costs more to add, no more.
	usageSettled = 2 * time.Minute
	// mostRolls bounds the minutes and hours that a pass sums.
	mostRolls = 3000
)

// UsageOptions says how usage is looked after. Zero durations take the defaults.
type UsageOptions struct {
	Store  usageKeeper
	Now    func() time.Time
	Logger *slog.Logger

	Interval time.Duration // between passes, varied by a tenth
	Silence  time.Duration // of a replica that is taken for dead, or of a batch for lost
}

// Usage sums minutes into hours and days, and records what usage was lost. Both
// may run twice at once.
type Usage struct {
	o    UsageOptions
	gaps atomic.Int64
}

// NewUsage answers an error that names the option that is missing or below
// zero.
func NewUsage(o UsageOptions) (*Usage, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("usage pass: option Store is missing")
	case o.Now == nil:
		return nil, errors.New("usage pass: option Now is missing")
	case o.Logger == nil:
		return nil, errors.New("usage pass: option Logger is missing")
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Interval", &o.Interval, DefaultUsageInterval},
		{"Silence", &o.Silence, DefaultUsageSilence},
	} {
		if *d.value < 0 {
			return nil, fmt.Errorf("usage pass: option %s is %v; give a duration above zero, or 0 for %v", d.name, *d.value, d.fallback)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return &Usage{o: o}, nil
}

// UsageResult is what a pass did.
type UsageResult struct {
	Gaps int // that are new
}

// Gaps is how many gaps this process has recorded since its start.
func (u *Usage) Gaps() int64 { return u.gaps.Load() }

// Pass is the pass.
func (u *Usage) Pass() Pass { return Pass{Name: "usage", Every: u.o.Interval, Do: u.pass} }

// pass runs one pass. Only what was lost is worth a line in the log.
func (u *Usage) pass(ctx context.Context) ([]slog.Attr, error) {
	result, err := u.RunOnce(ctx)
	if result.Gaps > 0 {
		u.o.Logger.WarnContext(ctx, "usage of some replicas was lost; the gaps are recorded", slog.Int("gaps", result.Gaps))
	}
	return nil, err
}

// RunOnce runs one pass.
func (u *Usage) RunOnce(ctx context.Context) (UsageResult, error) {
	var result UsageResult
	now := u.o.Now()
	gaps, err := u.o.Store.RecordUsageGaps(ctx, now.Add(-u.o.Silence))
	if err != nil {
		return result, fmt.Errorf("usage pass: %w", err)
	}
	result.Gaps = gaps
	u.gaps.Add(int64(gaps))
	for range mostRolls {
		more, err := u.o.Store.RollUsage(ctx, now.Add(-usageSettled))
		if err != nil {
			return result, fmt.Errorf("usage pass: %w", err)
		}
		if !more {
			break
		}
	}
	return result, nil
}
