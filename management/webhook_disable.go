package management

import (
	"context"
	"errors"

	"credence/management/event"
	"credence/store"
)

// WebhookDisable is the input of [Service.WebhookDisable].
type WebhookDisable struct {
	ID     string
	Reason string // 1 to 256 printable characters
}

// WebhookDisable has a webhook not called until it is enabled again. What it
// would be told is kept for it.
func (s *Service) WebhookDisable(ctx context.Context, a Actor, in WebhookDisable) (WebhookChanged, error) {
	what := "webhook " + quoted(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (WebhookChanged, error) {
		before, err := t.webhook(ctx, in.ID)
		if err != nil {
			return WebhookChanged{}, err
		}
		p := &problems{now: t.Now()}
		p.text("reason", in.Reason, 1, maxReason)
		if err := p.err(what); err != nil || !before.Enabled() {
			return WebhookChanged{Webhook: before}, err
		}
		return t.disableWebhook(ctx, before, in.Reason)
	})
	return out, err
}

// WebhookGiveUp disables a webhook that fails; the job of that kind calls it.
func (s *Service) WebhookGiveUp(ctx context.Context, id, reason string) error {
	a := Actor{ID: "job:" + store.KindWebhookDeliver, Role: store.RoleAdmin}
	_, _, err := transact(ctx, s, a, "webhook "+quoted(id), func(ctx context.Context, t *transaction) (WebhookChanged, error) {
		before, err := t.Webhook(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return WebhookChanged{}, nil
		}
		if err != nil || !before.Enabled() {
			return WebhookChanged{Webhook: before}, err
		}
		return t.disableWebhook(ctx, before, reason)
	})
	return err
}

func (t *transaction) disableWebhook(ctx context.Context, before store.Webhook, reason string) (WebhookChanged, error) {
	after := before
	after.DisabledAt, after.DisabledReason = t.Now(), reason
	t.emit(event.WebhookDisabled, after.Namespace, event.WebhookChange{
		WebhookID: after.ID, Namespace: after.Namespace, Reason: reason, Actor: t.actor.ID,
	})
	return t.updateWebhook(ctx, "webhook.disable", after, changedFacts(webhookFacts(&before), webhookFacts(&after)))
}
