package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// usageTeller is the use-cases. Service of package management fulfils them.
type usageTeller interface {
	// UsageTellLimits tells of keys that met a limit.
	UsageTellLimits(ctx context.Context) (told int, err error)
	// UsageTellQuotas tells of quotas that come to their end, from a place on.
	UsageTellQuotas(ctx context.Context, from store.QuotaWindow) (next store.QuotaWindow, told int, err error)
}

// UsageEvents is the pass that tells others what was counted. Each thing is
// told once, also when the pass runs twice.
func UsageEvents(service usageTeller) Pass {
	var place store.QuotaWindow // a pass runs in one goroutine at a time
	return Pass{Name: "usage_events", Every: 15 * time.Second, Do: func(ctx context.Context) ([]slog.Attr, error) {
		limits, limitsErr := service.UsageTellLimits(ctx)
		next, quotas, err := service.UsageTellQuotas(ctx, place)
		place = next
		if limits+quotas == 0 {
			return nil, errors.Join(limitsErr, err)
		}
		return []slog.Attr{slog.Int("limits", limits), slog.Int("quotas", quotas)}, errors.Join(limitsErr, err)
	}}
}
