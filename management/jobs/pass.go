package jobs

import (
	"context"
	"log/slog"
	"time"
)

// Pass is work that one of the control planes does at intervals.
type Pass struct {
	Name  string        // in the log and in the count of failures
	Every time.Duration // varied by a tenth
	// Do does one pass and says what it did, for the log; nothing when there
	// was nothing to do. It must do no harm when it runs twice.
	Do func(ctx context.Context) ([]slog.Attr, error)
}

// Work is the pass as a [Leader] runs it: once at once and then at intervals,
// until ctx ends; it answers nil then. A pass that fails is logged, counted and
// runs again at the next interval.
func (p Pass) Work(logger *slog.Logger, failures *Failures) func(ctx context.Context) error {
	failures.know(p.Name)
	return func(ctx context.Context) error {
		for {
			done, err := p.Do(ctx)
			switch {
			case ctx.Err() != nil: // told to end in the middle of it
			case err != nil:
				failures.pass(p.Name)
				logger.WarnContext(ctx, "pass failed; trying again later",
					slog.String("pass", p.Name), slog.Duration("interval", p.Every), slog.Any("error", err))
			case len(done) > 0:
				logger.LogAttrs(ctx, slog.LevelInfo, "pass done", append([]slog.Attr{slog.String("pass", p.Name)}, done...)...)
			}
			if !pause(ctx, p.Every) {
				return nil
			}
		}
	}
}
