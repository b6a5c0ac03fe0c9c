package management

import (
	"context"
)

// WebhookDelete is the input of [Service.WebhookDelete].
type WebhookDelete struct {
	ID      string
	Version int64 // 0: whatever it is now
}

// WebhookDelete ends a webhook. What waits for it is not sent any more.
func (s *Service) WebhookDelete(ctx context.Context, a Actor, in WebhookDelete) error {
	what := "webhook " + quoted(in.ID)
	_, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (struct{}, error) {
		w, err := t.webhook(ctx, in.ID)
		if err != nil {
			return struct{}{}, err
		}
		if err := checkVersion(what, in.Version, w.Version); err != nil {
			return struct{}{}, err
		}
		if err := t.DeleteWebhook(ctx, w.ID, w.Version); err != nil {
			return struct{}{}, err
		}
		t.recordWebhook("webhook.delete", &w, details{Before: webhookFacts(&w)})
		return struct{}{}, nil
	})
	return err
}
