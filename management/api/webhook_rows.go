package api

import (
	"net/http"

	"credence/management"
	"credence/store"
)

const (
	oneWebhook  = "/v1/webhooks/{webhook_id}"
	oneDelivery = oneWebhook + "/deliveries/{delivery_id}"
)

func webhookOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "WebhookCreate", Method: http.MethodPost, Path: "/v1/webhooks", Summary: "Make a webhook and show its secret, once",
			Role: store.RoleAdmin, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused},
		}, webhookCreate),
		handle(Operation{
			ID: "WebhookList", Method: http.MethodGet, Path: "/v1/webhooks", Summary: "List webhooks, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, webhookList),
		handle(Operation{
			ID: "WebhookShow", Method: http.MethodGet, Path: oneWebhook, Summary: "Show a webhook",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, webhookShow),
		handle(Operation{
			ID: "WebhookUpdate", Method: http.MethodPatch, Path: oneWebhook, Summary: "Change a webhook (JSON merge patch)",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeStaleVersion},
		}, webhookUpdate),
		remove(Operation{
			ID: "WebhookDelete", Method: http.MethodDelete, Path: oneWebhook, Summary: "Delete a webhook; what waits for it is not sent",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeNotFound, management.CodeStaleVersion},
		}, webhookDelete),
		handle(Operation{
			ID: "WebhookEnable", Method: http.MethodPost, Path: oneWebhook + "/enable", Summary: "Call a webhook again, and send what waits for it",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound},
		}, webhookEnable),
		handle(Operation{
			ID: "WebhookDisable", Method: http.MethodPost, Path: oneWebhook + "/disable", Summary: "Do not call a webhook until it is enabled again",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, webhookDisable),
		handle(Operation{
			ID: "WebhookRotateSecret", Method: http.MethodPost, Path: oneWebhook + "/rotate-secret",
			Summary: "Give a webhook another secret and show it, once; the old one signs, too, for a while",
			Role:    store.RoleAdmin, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeIdempotencyKeyReused},
		}, webhookRotateSecret),
		handle(Operation{
			ID: "WebhookTest", Method: http.MethodPost, Path: oneWebhook + "/test", Summary: "Send a webhook an event of type webhook.test",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, webhookTest),
	}
}

func deliveryOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "WebhookDeliveries", Method: http.MethodGet, Path: oneWebhook + "/deliveries", Summary: "List deliveries to a webhook, newest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, webhookDeliveries),
		handle(Operation{
			ID: "WebhookDelivery", Method: http.MethodGet, Path: oneDelivery, Summary: "Show a delivery and its payload",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, webhookDelivery),
		handle(Operation{
			ID: "WebhookRedeliver", Method: http.MethodPost, Path: oneDelivery + "/redeliver", Summary: "Make a delivery again, now",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, webhookRedeliver),
		handle(Operation{
			ID: "WebhookReplay", Method: http.MethodPost, Path: oneWebhook + "/replay", Summary: "Make the deliveries of a range of time again",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict},
		}, webhookReplay),
	}
}
