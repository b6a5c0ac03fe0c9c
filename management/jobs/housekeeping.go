package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"credence/store"
)

// keeper is what housekeeping removes from. [store.Store] fulfils it.
type keeper interface {
	PruneChanges(ctx context.Context, before time.Time) (int, error)
	RemoveIdempotency(ctx context.Context, before time.Time) (int, error)
	RemoveQuotas(ctx context.Context, before time.Time) (int, error)
	RemoveReplicas(ctx context.Context, before time.Time) (int, error)
}

// What housekeeping keeps when the options do not say otherwise.
const (
	DefaultInterval    = 10 * time.Minute
	DefaultChanges     = 24 * time.Hour
	DefaultIdempotency = 24 * time.Hour
	DefaultQuotas      = 24 * time.Hour
	DefaultReplicas    = 8 * 24 * time.Hour // more than any ceiling: receipts still name who is silent
)

// mostBatches bounds one pass, per table.
const mostBatches = 20

// HousekeepingOptions says how long what is kept. Zero durations take the
// defaults.
type HousekeepingOptions struct {
	Store    keeper
	Now      func() time.Time
	Logger   *slog.Logger
	Failures *Failures // counts passes that failed

	Interval    time.Duration // between passes, varied by a tenth
	Changes     time.Duration // a replica that was away longer starts anew
	Idempotency time.Duration // a create repeated later is a new one
	Quotas      time.Duration // after the end of the calendar window
	Replicas    time.Duration // since the last report
}

// Housekeeping removes what nobody needs any more.
type Housekeeping struct {
	o HousekeepingOptions
}

// NewHousekeeping answers an error that names the option that is missing or
// below zero.
func NewHousekeeping(o HousekeepingOptions) (*Housekeeping, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("housekeeping: option Store is missing")
	case o.Now == nil:
		return nil, errors.New("housekeeping: option Now is missing")
	case o.Logger == nil:
		return nil, errors.New("housekeeping: option Logger is missing")
	case o.Failures == nil:
		return nil, errors.New("housekeeping: option Failures is missing")
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Interval", &o.Interval, DefaultInterval},
		{"Changes", &o.Changes, DefaultChanges},
		{"Idempotency", &o.Idempotency, DefaultIdempotency},
		{"Quotas", &o.Quotas, DefaultQuotas},
		{"Replicas", &o.Replicas, DefaultReplicas},
	} {
		if *d.value < 0 {
			return nil, fmt.Errorf("housekeeping: option %s is %v; give a duration above zero, or 0 for %v", d.name, *d.value, d.fallback)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return &Housekeeping{o: o}, nil
}

// HousekeepingResult is how many rows a pass removed.
type HousekeepingResult struct {
	Changes     int
	Idempotency int
	Quotas      int
	Replicas    int
}

// Run runs a pass at once and then at intervals, until ctx ends. It answers
// nil then.
func (h *Housekeeping) Run(ctx context.Context) error {
	return Pass{Name: "housekeeping", Every: h.o.Interval, Do: h.pass}.Work(h.o.Logger, h.o.Failures)(ctx)
}

// pass runs one pass and says what came of it.
func (h *Housekeeping) pass(ctx context.Context) ([]slog.Attr, error) {
	result, err := h.RunOnce(ctx)
	if result == (HousekeepingResult{}) {
		return nil, err
	}
	return []slog.Attr{
		slog.Int("changes", result.Changes), slog.Int("idempotency_keys", result.Idempotency),
		slog.Int("quota_counters", result.Quotas), slog.Int("replicas", result.Replicas),
	}, err
}

// RunOnce runs one pass. An error of one table does not keep it from the
// others; the result counts what was removed all the same.
func (h *Housekeeping) RunOnce(ctx context.Context) (HousekeepingResult, error) {
	var result HousekeepingResult
	var errs []error
	now := h.o.Now()
	for _, of := range []struct {
		name    string
		keep    time.Duration
		remove  func(ctx context.Context, before time.Time) (int, error)
		removed *int
	}{
		{"changes", h.o.Changes, h.o.Store.PruneChanges, &result.Changes},
		{"idempotency keys", h.o.Idempotency, h.o.Store.RemoveIdempotency, &result.Idempotency},
		{"quota counters", h.o.Quotas, h.o.Store.RemoveQuotas, &result.Quotas},
		{"replicas", h.o.Replicas, h.o.Store.RemoveReplicas, &result.Replicas},
	} {
		for range mostBatches {
			n, err := of.remove(ctx, now.Add(-of.keep))
			*of.removed += n
			if err != nil {
				errs = append(errs, fmt.Errorf("housekeeping: %s: %w", of.name, err))
				break
			}
			if n < store.RemoveBatch {
				break
			}
		}
	}
	return result, errors.Join(errs...)
}
