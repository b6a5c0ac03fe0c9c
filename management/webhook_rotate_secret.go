package management

import (
	"context"
	"time"
)

// maxSecretGrace bounds how long two secrets are in use.
const maxSecretGrace = 30 * 24 * time.Hour

// WebhookRotateSecret is the input of [Service.WebhookRotateSecret].
type WebhookRotateSecret struct {
	ID    string
	Grace string // how long the old secret signs, too; a Go duration, "" means 24h

	Idempotency Idempotency
}

// WebhookRotateSecret gives a webhook another secret. Until the grace ends,
// deliveries carry a signature by each.
func (s *Service) WebhookRotateSecret(ctx context.Context, a Actor, in WebhookRotateSecret) (WebhookCreated, error) {
	what := "webhook " + quoted(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (WebhookCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return WebhookCreated{}, err
		case id != "":
			w, err := t.webhook(ctx, id)
			return WebhookCreated{Webhook: w, Replayed: true}, err
		}
		before, err := t.webhook(ctx, in.ID)
		if err != nil {
			return WebhookCreated{}, err
		}
		p := &problems{now: t.Now()}
		grace := p.span("grace", orDefault(in.Grace, defaultGrace), 0, maxSecretGrace)
		p.idempotencyKey(in.Idempotency)
		if err := p.err(what); err != nil {
			return WebhookCreated{}, err
		}
		after := before
		after.PreviousSecret, after.PreviousUntil = before.Secret, t.Now().Add(grace)
		if grace == 0 {
			after.PreviousSecret, after.PreviousUntil = nil, time.Time{}
		}
		secret, err := s.newWebhookSecret(&after)
		if err != nil {
			return WebhookCreated{}, err
		}
		changed, err := t.updateWebhook(ctx, "webhook.rotate_secret", after, changedFacts(webhookFacts(&before), webhookFacts(&after)))
		if err != nil {
			return WebhookCreated{}, err
		}
		return WebhookCreated{Webhook: changed.Webhook, Secret: secret}, t.remember(ctx, in.Idempotency, after.ID)
	})
	return out, err
}
