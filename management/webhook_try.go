package management

import (
	"context"

	"credence/management/event"
	"credence/store"
)

// WebhookTry sends a webhook an event of type webhook.test, whatever its
// filter, and answers the delivery, which is on its way then.
func (s *Service) WebhookTry(ctx context.Context, a Actor, id string) (store.Delivery, error) {
	what := "webhook " + quoted(id)
	var hook store.Webhook
	_, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (struct{}, error) {
		var err error
		if hook, err = t.webhook(ctx, id); err != nil {
			return struct{}{}, err
		}
		if err := callable(what, &hook); err != nil {
			return struct{}{}, err
		}
		t.recordWebhook("webhook.test", &hook, details{})
		t.events = append(t.events, happening{kind: event.WebhookTest, namespace: hook.Namespace, only: id, data: event.WebhookTrial{
			WebhookID: id, Message: "This is a test.", Actor: t.actor.ID,
		}})
		return struct{}{}, nil
	})
	if err != nil {
		return store.Delivery{}, err
	}
	// Whoever else tries it at the same time may get the other's; both are tests.
	made, _, err := s.store.Deliveries(ctx, store.DeliveryFilter{WebhookID: id, EventType: string(event.WebhookTest)}, store.Page{Limit: 1})
	if err != nil {
		return store.Delivery{}, failed(what, err)
	}
	if len(made) == 0 {
		return store.Delivery{}, notFound(what)
	}
	return made[0], nil
}
