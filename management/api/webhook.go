package api

import (
	"context"
	"encoding/json"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// codeSecretNotRepeatable marks the answer to a repeated request.
const codeSecretNotRepeatable = "secret_not_repeatable"

func webhookCreate(ctx context.Context, c call, in *client.WebhookCreateInput) (client.WebhookCreated, error) {
	b := &in.Body
	made, err := c.service.WebhookCreate(ctx, c.actor, management.WebhookCreate{
		Namespace: b.Namespace, URL: b.URL, Description: b.Description, Events: b.Events, Rate: b.Rate, Idempotency: c.idempotency,
	})
	return wireWebhookCreated(made), err
}

func webhookList(ctx context.Context, c call, in *client.WebhookListInput) (client.List[client.Webhook], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Webhook]{}, err
	}
	found, err := c.service.WebhookList(ctx, c.actor, management.WebhookList{Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wireWebhook)
}

func webhookShow(ctx context.Context, c call, in *client.WebhookInput) (client.Webhook, error) {
	w, err := c.service.WebhookRead(ctx, c.actor, in.WebhookID)
	return wireWebhook(w), err
}

func webhookUpdate(ctx context.Context, c call, in *client.WebhookUpdateInput) (client.Webhook, error) {
	b := &in.Body
	changed, err := c.service.WebhookUpdate(ctx, c.actor, management.WebhookUpdate{
		ID: in.WebhookID, Version: c.version, URL: patch(b.URL), Description: patch(b.Description), Events: patch(b.Events), Rate: patchAs(b.Rate, func(v int64) int { return int(v) }),
	})
	return wireWebhook(changed.Webhook), err
}

func webhookDelete(ctx context.Context, c call, in *client.WebhookDeleteInput) error {
	return c.service.WebhookDelete(ctx, c.actor, management.WebhookDelete{ID: in.WebhookID, Version: c.version})
}

func webhookEnable(ctx context.Context, c call, in *client.WebhookInput) (client.Webhook, error) {
	changed, err := c.service.WebhookEnable(ctx, c.actor, in.WebhookID)
	return wireWebhook(changed.Webhook), err
}

func webhookDisable(ctx context.Context, c call, in *client.WebhookDisableInput) (client.Webhook, error) {
	changed, err := c.service.WebhookDisable(ctx, c.actor, management.WebhookDisable{ID: in.WebhookID, Reason: in.Body.Reason})
	return wireWebhook(changed.Webhook), err
}

func webhookRotateSecret(ctx context.Context, c call, in *client.WebhookRotateSecretInput) (client.WebhookCreated, error) {
	rotate := management.WebhookRotateSecret{ID: in.WebhookID, Idempotency: c.idempotency}
	if in.Body != nil {
		rotate.Grace = in.Body.Grace
	}
	made, err := c.service.WebhookRotateSecret(ctx, c.actor, rotate)
	return wireWebhookCreated(made), err
}

func webhookTest(ctx context.Context, c call, in *client.WebhookInput) (client.Delivery, error) {
	d, err := c.service.WebhookTry(ctx, c.actor, in.WebhookID)
	return wireDelivery(d), err
}

func webhookDeliveries(ctx context.Context, c call, in *client.WebhookDeliveriesInput) (client.List[client.Delivery], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Delivery]{}, err
	}
	found, err := c.service.WebhookDeliveries(ctx, c.actor, management.WebhookDeliveries{
		WebhookID: in.WebhookID, State: in.State, EventType: in.Event, Since: in.Since, Until: in.Until, Page: page,
	})
	return list(c, found.Items, found.Next, err, wireDelivery)
}

func webhookDelivery(ctx context.Context, c call, in *client.WebhookDeliveryInput) (client.Delivery, error) {
	d, err := c.service.WebhookDelivery(ctx, c.actor, in.WebhookID, in.DeliveryID)
	out := wireDelivery(d)
	out.Payload = json.RawMessage(d.Payload)
	return out, err
}

func webhookRedeliver(ctx context.Context, c call, in *client.WebhookDeliveryInput) (client.Delivery, error) {
	d, err := c.service.WebhookRedeliver(ctx, c.actor, management.WebhookRedeliver{WebhookID: in.WebhookID, DeliveryID: in.DeliveryID})
	return wireDelivery(d), err
}

func webhookReplay(ctx context.Context, c call, in *client.WebhookReplayInput) (client.WebhookReplayed, error) {
	b := &in.Body
	done, err := c.service.WebhookReplay(ctx, c.actor, management.WebhookReplay{
		WebhookID: in.WebhookID, State: b.State, EventType: b.Event, Since: b.Since, Until: b.Until, EndedBefore: b.EndedBefore,
	})
	return client.WebhookReplayed{Repeated: done.Repeated, Done: done.Done, EndedBefore: done.EndedBefore}, err
}

func wireWebhookCreated(made management.WebhookCreated) client.WebhookCreated {
	out := client.WebhookCreated{Webhook: wireWebhook(made.Webhook)}
	if made.Replayed {
		out.Code = codeSecretNotRepeatable
	} else {
		out.Secret = client.KeyText(made.Secret.Reveal())
	}
	return out
}

func wireWebhook(w store.Webhook) client.Webhook {
	out := client.Webhook{
		WebhookID: w.ID, Namespace: w.Namespace, URL: w.URL, Description: w.Description, Events: words(w.Events), Rate: w.Rate,
		Status: "enabled", DisabledAt: w.DisabledAt, DisabledReason: w.DisabledReason, PreviousSecretUntil: w.PreviousUntil,
		Failures: w.Progress.Failures, FailingSince: w.Progress.FailingSince, PausedUntil: w.Progress.PausedUntil,
		Sequence: w.Progress.Sequence, CreatedBy: w.CreatedBy, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, Version: w.Version,
	}
	if !w.Enabled() {
		out.Status = "disabled"
	}
	return out
}

func wireDelivery(d store.Delivery) client.Delivery {
	return client.Delivery{
		DeliveryID: d.ID, WebhookID: d.WebhookID, EventID: d.EventID, Event: d.EventType, Sequence: d.Sequence, State: string(d.State),
		Attempts: d.Attempts, NextAt: d.NextAt, CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
		Tries: mapped(d.Tries, func(t store.DeliveryTry) client.DeliveryTry {
			return client.DeliveryTry{
				At: t.At, TookMs: float64(t.Latency) / float64(time.Millisecond), Outcome: t.Outcome, Status: t.Status,
				Problem: t.Problem, Response: t.Response,
			}
		}),
	}
}
