package management

import (
	"context"
	"errors"

	"credence/store"
)

// WebhookUpdate is the input of [Service.WebhookUpdate].
type WebhookUpdate struct {
	ID      string
	Version int64 // that the change is based on; required

	URL         Patch[string]
	Description Patch[string]
	Events      Patch[[]string]
	Rate        Patch[int]
}

// WebhookChanged is the answer of everything that changes a webhook.
type WebhookChanged struct {
	Webhook store.Webhook
	Changed bool // false: it was so already, nothing was recorded
}

// WebhookUpdate changes where a webhook is called, what it is told and how
// fast. What waits for it goes to the new address.
func (s *Service) WebhookUpdate(ctx context.Context, a Actor, in WebhookUpdate) (WebhookChanged, error) {
	what := "webhook " + quoted(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (WebhookChanged, error) {
		before, err := t.webhook(ctx, in.ID)
		if err != nil {
			return WebhookChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return WebhookChanged{}, err
		}
		p, after := &problems{now: t.Now()}, before
		patch(&after.URL, in.URL, func(v string) string { return p.webhookURL(s.outgoing, v) })
		patch(&after.Description, in.Description, p.description)
		patch(&after.Events, in.Events, p.eventFilters)
		patch(&after.Rate, in.Rate, p.webhookRate)
		if err := p.err(what); err != nil {
			return WebhookChanged{}, err
		}
		d := changedFacts(webhookFacts(&before), webhookFacts(&after))
		if d.none() {
			return WebhookChanged{Webhook: before}, nil
		}
		return t.updateWebhook(ctx, "webhook.update", after, d)
	})
	return out, err
}
