package management

import (
	"context"
	"time"
)

// WebhookEnable has a webhook called again. What it was to be told meanwhile
// is sent now, as far as it is kept.
func (s *Service) WebhookEnable(ctx context.Context, a Actor, id string) (WebhookChanged, error) {
	out, _, err := transact(ctx, s, a, "webhook "+quoted(id), func(ctx context.Context, t *transaction) (WebhookChanged, error) {
		before, err := t.webhook(ctx, id)
		if err != nil || before.Enabled() {
			return WebhookChanged{Webhook: before}, err
		}
		after := before
		after.DisabledAt, after.DisabledReason = time.Time{}, ""
		changed, err := t.updateWebhook(ctx, "webhook.enable", after, changedFacts(webhookFacts(&before), webhookFacts(&after)))
		if err != nil {
			return WebhookChanged{}, err
		}
		return changed, t.ResumeWebhook(ctx, &changed.Webhook)
	})
	return out, err
}
