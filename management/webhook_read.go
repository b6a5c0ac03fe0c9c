package management

import (
	"context"

	"credence/store"
)

// WebhookRead reads one webhook.
func (s *Service) WebhookRead(ctx context.Context, a Actor, id string) (store.Webhook, error) {
	return readWebhook(ctx, s.store, a, id)
}
