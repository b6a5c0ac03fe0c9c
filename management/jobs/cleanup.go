package jobs

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// cleaner is the use-case. Service of package management fulfils it.
type cleaner interface {
	// CleanupEvery says how often each cleanup is to run.
	CleanupEvery() map[string]time.Duration
	// CleanupPass runs one of them.
	CleanupPass(ctx context.Context, name string) (store.CleanupReport, error)
}

// Cleanups are a pass for each cleanup.
func Cleanups(service cleaner) []Pass {
	every := service.CleanupEvery()
	var passes []Pass
	for _, name := range slices.Sorted(maps.Keys(every)) {
		passes = append(passes, Pass{
			Name: "cleanup_" + strings.ReplaceAll(name, "-", "_"), Every: every[name],
			Do: func(ctx context.Context) ([]slog.Attr, error) {
				report, err := service.CleanupPass(ctx, name)
				if report.Done == 0 {
					return nil, err
				}
				return []slog.Attr{slog.Int("done", report.Done), slog.Bool("more", report.More), slog.Duration("took", report.Took)}, err
			},
		})
	}
	return passes
}
