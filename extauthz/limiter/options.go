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

	MaxRates   int           // most rates counted at once; 1000000
	MaxQuotas  int           // most quotas counted at once; 200000
	Refills    int           // most calls of the store at once; 16
	RefillWait time.Duration // longest a request waits for a reservation; 100 ms
	Timeout    time.Duration // of one call of the store; 2 seconds
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
