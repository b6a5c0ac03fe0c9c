package management

import (
	"context"
	"time"

	"credence/store"
)

// webhook reads a webhook that the actor may see.
func (t *transaction) webhook(ctx context.Context, id string) (store.Webhook, error) {
	return readWebhook(ctx, t, t.actor, id)
}

// readWebhook reads a webhook that the actor may see; one that is told of
// everything is in no namespace, so only global actors may see it.
func readWebhook(ctx context.Context, r store.WebhookReader, a Actor, id string) (store.Webhook, error) {
	what := "webhook " + quoted(id)
	w, err := r.Webhook(ctx, id)
	if err != nil {
		return store.Webhook{}, failed(what, err)
	}
	if !a.May(w.Namespace) {
		return store.Webhook{}, notFound(what)
	}
	return w, nil
}

// readDelivery reads a delivery to the webhook.
func readDelivery(ctx context.Context, r store.DeliveryReader, w *store.Webhook, id string) (store.Delivery, error) {
	what := "delivery " + quoted(id)
	d, err := r.Delivery(ctx, id)
	if err != nil {
		return store.Delivery{}, failed(what, err)
	}
	if d.WebhookID != w.ID {
		return store.Delivery{}, notFound(what)
	}
	return d, nil
}

func (t *transaction) recordWebhook(action string, w *store.Webhook, d details) {
	t.record(w.Namespace, action, "webhook:"+w.ID, "", d)
}

// updateWebhook writes a changed webhook and records the action.
func (t *transaction) updateWebhook(ctx context.Context, action string, w store.Webhook, d details) (WebhookChanged, error) {
	w.UpdatedAt = t.Now()
	if err := t.UpdateWebhook(ctx, w); err != nil {
		return WebhookChanged{}, err
	}
	w.Version++
	t.recordWebhook(action, &w, d)
	return WebhookChanged{Webhook: w, Changed: true}, nil
}

// callable refuses to have something sent to a webhook that is not called.
func callable(what string, w *store.Webhook) error {
	if w.Enabled() {
		return nil
	}
	return refuse(CodeConflict, "%s: is disabled since %s (%s); enable it first", what, w.DisabledAt.Format(time.RFC3339), w.DisabledReason)
}

// webhookFacts hold the URL: audit details are sealed.
func webhookFacts(w *store.Webhook) facts {
	f := facts{"rate": w.Rate}
	f.text("url", w.URL)
	f.text("description", w.Description)
	f.texts("events", w.Events)
	f.instant("disabled_at", w.DisabledAt)
	f.text("disabled_reason", w.DisabledReason)
	f.instant("previous_until", w.PreviousUntil)
	return f
}
