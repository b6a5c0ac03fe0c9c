package management

import (
	"context"

	"credence/store"
)

// WebhookRedeliver is the input of [Service.WebhookRedeliver].
type WebhookRedeliver struct {
	WebhookID  string
	DeliveryID string
}

// WebhookRedeliver makes a delivery again, now, whatever became of it. The
// event keeps its id and its sequence.
func (s *Service) WebhookRedeliver(ctx context.Context, a Actor, in WebhookRedeliver) (store.Delivery, error) {
	what := "webhook " + quoted(in.WebhookID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Delivery, error) {
		w, err := t.webhook(ctx, in.WebhookID)
		if err != nil {
			return store.Delivery{}, err
		}
		d, err := readDelivery(ctx, t, &w, in.DeliveryID)
		if err != nil {
			return store.Delivery{}, err
		}
		if err := callable(what, &w); err != nil {
			return store.Delivery{}, err
		}
		if err := t.RepeatDelivery(ctx, d); err != nil {
			return store.Delivery{}, err
		}
		// A person says that it is worth a try: the pause after failures ends.
		if err := t.ResumeWebhook(ctx, &w); err != nil {
			return store.Delivery{}, err
		}
		t.recordWebhook("webhook.redeliver", &w, details{After: facts{"delivery_id": d.ID, "event_type": d.EventType}})
		return t.Delivery(ctx, d.ID)
	})
	return out, err
}
