package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"credence/store"
)

// webhookKeeper is what the passes of webhooks work on. [store.Store] fulfils
// it.
type webhookKeeper interface {
	WakeLateWebhooks(ctx context.Context, before time.Time) (int, error)
	RemoveDeliveries(ctx context.Context, before time.Time) (int, error)
}

const (
	// deliveriesKept is how long deliveries can be read and replayed, and how
	// long those to a webhook that is disabled wait.
	deliveriesKept = 30 * 24 * time.Hour
	// deliveryBatches bounds one pass.
	deliveryBatches = 20
)

// WebhookTurns is the pass that has turns taken anew which a process took with
// it when it died. One more turn than needed does no harm.
func WebhookTurns(keeper webhookKeeper, now func() time.Time) Pass {
	return Pass{Name: "webhook_turns", Every: 30 * time.Second, Do: func(ctx context.Context) ([]slog.Attr, error) {
		n, err := keeper.WakeLateWebhooks(ctx, now().Add(-store.WebhookLate))
		if err != nil || n == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("late_webhooks", n)}, nil
	}}
}

// WebhookDeliveries is the pass that removes deliveries that are old.
func WebhookDeliveries(keeper webhookKeeper, now func() time.Time) Pass {
	return Pass{Name: "webhook_deliveries", Every: 10 * time.Minute, Do: func(ctx context.Context) ([]slog.Attr, error) {
		removed := 0
		for range deliveryBatches {
			n, err := keeper.RemoveDeliveries(ctx, now().Add(-deliveriesKept))
			removed += n
			if err != nil {
				return nil, fmt.Errorf("webhook deliveries: %w", err)
			}
			if n < store.RemoveBatch {
				break
			}
		}
		if removed == 0 {
			return nil, nil
		}
		return []slog.Attr{slog.Int("deliveries", removed)}, nil
	}}
}
