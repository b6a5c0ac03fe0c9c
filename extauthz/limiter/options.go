package limiter

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"credence/store"
)

// Options are what a Limiter needs. Zero sizes and durations take the
// defaults named beside them.
type Options struct {
	Store  store.QuotaCounters
	Now    func() time.Time
	Logger *slog.Logger

	// Budgets are the rates that replicas share; nil: each replica keeps to
	// its own share of them. Exact asks them at every Take, else units are
	// drawn in advance.
	Budgets Budgets
	Exact   bool

	MaxRates   int           // most rates counted at once; 1000000
	MaxQuotas  int           // most quotas counted at once; 200000
	Refills    int           // most calls of the store at once; 16
	RefillWait time.Duration // longest a request waits for a reservation; 100 ms
	Timeout    time.Duration // of one call of the store; 2 seconds
	BudgetWait time.Duration // longest a request waits for Budgets, and of one call of them; 25 ms
	Lease      time.Duration // how long units are held in advance; 1 second
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	switch {
	case o.Store == nil:
		return errors.New("limiter options: Store: missing")
	case o.Now == nil:
		return errors.New("limiter options: Now: missing")
	case o.Logger == nil:
		return errors.New("limiter options: Logger: missing")
	case o.Exact && o.Budgets == nil:
		return errors.New("limiter options: Exact: no Budgets to ask; give them, or leave it out")
	case o.Lease != 0 && o.Lease < 100*time.Millisecond:
		return fmt.Errorf("limiter options: Lease: %s is too short to use; give 100ms or more, or 0 for the default", o.Lease)
	}
	for _, n := range o.numbers() {
		if *n.value < 0 {
			return fmt.Errorf("limiter options: %s: %d is negative; give 1 or more, or 0 for the default", n.name, *n.value)
		}
	}
	for _, d := range o.durations() {
		if *d.value < 0 {
			return fmt.Errorf("limiter options: %s: %s is negative; give a time, or 0 for the default", d.name, *d.value)
		}
	}
	return nil
}

type option[V int | time.Duration] struct {
	name     string
	value    *V
	standard V
}

func (o *Options) numbers() []option[int] {
	return []option[int]{
		{"MaxRates", &o.MaxRates, 1_000_000},
		{"MaxQuotas", &o.MaxQuotas, 200_000},
		{"Refills", &o.Refills, 16},
	}
}

func (o *Options) durations() []option[time.Duration] {
	return []option[time.Duration]{
		{"RefillWait", &o.RefillWait, 100 * time.Millisecond},
		{"Timeout", &o.Timeout, 2 * time.Second},
		{"BudgetWait", &o.BudgetWait, 25 * time.Millisecond},
		{"Lease", &o.Lease, time.Second},
	}
}

// withDefaults fills in what was left zero.
func (o *Options) withDefaults() Options {
	full := *o
	for _, n := range full.numbers() {
		if *n.value == 0 {
			*n.value = n.standard
		}
	}
	for _, d := range full.durations() {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return full
}
