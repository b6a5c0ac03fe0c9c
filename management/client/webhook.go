package client

import (
	"encoding/json"
	"time"
)

// Webhook is an address that is told of events, without its secret.
type Webhook struct {
	WebhookID           string    `json:"webhook_id" doc:"Public id of the webhook"`
	Namespace           string    `json:"namespace" doc:"Whose events it is told; empty for all"`
	URL                 string    `json:"url" doc:"Where it is called"`
	Description         string    `json:"description" doc:"For people"`
	Events              []string  `json:"events" doc:"What it is told: types, families such as key.*, or *"`
	Rate                int       `json:"rate" doc:"Most deliveries in a second"`
	Status              string    `json:"status" enum:"enabled,disabled" doc:"Whether it is called"`
	DisabledAt          time.Time `json:"disabled_at,omitzero" doc:"Since when it is not called"`
	DisabledReason      string    `json:"disabled_reason,omitempty" doc:"Why it is not called"`
	PreviousSecretUntil time.Time `json:"previous_secret_until,omitzero" doc:"Until when the previous secret signs, too"`
	Failures            int       `json:"failures" doc:"Failed attempts in a row"`
	FailingSince        time.Time `json:"failing_since,omitzero" doc:"Since when it does nothing but fail"`
	PausedUntil         time.Time `json:"paused_until,omitzero" doc:"It is not called before, since it fails"`
	Sequence            int64     `json:"sequence" doc:"Of the newest event that it is told"`
	CreatedBy           string    `json:"created_by" doc:"Who made it, as the audit log names actors"`
	CreatedAt           time.Time `json:"created_at"`
	UpdatedAt           time.Time `json:"updated_at"`
	Version             int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the webhook.
func (w Webhook) ETag() string { return ETag(w.Version) }

// WebhookCreate asks for a new webhook.
type WebhookCreate struct {
	Namespace   string   `json:"namespace,omitempty" doc:"Whose events it is told; none for all, which only a caller without limits may say"`
	URL         string   `json:"url" doc:"Where it is called: https, a public address or one that the server allows"`
	Description string   `json:"description,omitempty" doc:"For people"`
	Events      []string `json:"events" doc:"What it is told: types, families such as key.*, or *"`
	Rate        int      `json:"rate,omitempty" doc:"Most deliveries in a second; 10 if unsaid"`
}

// WebhookCreated is a webhook and, this once, its new secret.
type WebhookCreated struct {
	Webhook Webhook `json:"webhook"`
	Secret  KeyText `json:"secret,omitempty" doc:"Shown this once; absent when an earlier, equal request made it"`
	Code    string  `json:"code,omitempty" doc:"secret_not_repeatable when the secret is absent; remedy: rotate it"`
}

// WebhookUpdate is a JSON merge patch of a webhook.
type WebhookUpdate struct {
	URL         Patch[string]   `json:"url,omitzero" doc:"Where it is called"`
	Description Patch[string]   `json:"description,omitzero" doc:"For people"`
	Events      Patch[[]string] `json:"events,omitzero" doc:"All that it is told"`
	Rate        Patch[int64]    `json:"rate,omitzero" doc:"Most deliveries in a second"`
}

// WebhookDisable says why a webhook is not to be called.
type WebhookDisable struct {
	Reason string `json:"reason" doc:"Why, for people and the audit log"`
}

// WebhookRotateSecret asks for another secret.
type WebhookRotateSecret struct {
	Grace string `json:"grace,omitempty" doc:"How long the old secret signs, too, as a Go duration; 24h if unsaid"`
}

// WebhookReplay asks for deliveries to be made again.
type WebhookReplay struct {
	Since       time.Time `json:"since" doc:"Those made at the instant or later"`
	Until       time.Time `json:"until,omitzero" doc:"And before this one"`
	Event       string    `json:"event,omitempty" doc:"Only of this type"`
	State       string    `json:"state,omitempty" doc:"failed or delivered; both if unsaid"`
	EndedBefore time.Time `json:"ended_before,omitzero" doc:"As answered, to go on where the call before was not done"`
}

// WebhookReplayed says how many deliveries are made again.
type WebhookReplayed struct {
	Repeated    int       `json:"repeated" doc:"How many deliveries are on their way again"`
	Done        bool      `json:"done" doc:"Whether that is all; if not, the same request with ended_before does the next of them"`
	EndedBefore time.Time `json:"ended_before"`
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	DeliveryID string          `json:"delivery_id" doc:"Public id of the delivery"`
	WebhookID  string          `json:"webhook_id"`
	EventID    string          `json:"event_id" doc:"Names the event; the header webhook-id"`
	Event      string          `json:"event" doc:"Type of the event"`
	Sequence   int64           `json:"sequence" doc:"Its number among what the webhook is told"`
	State      string          `json:"state" enum:"pending,delivered,failed" doc:"failed: given up"`
	Attempts   int             `json:"attempts" doc:"Since it was made or asked for again"`
	NextAt     time.Time       `json:"next_at,omitzero" doc:"Not tried before"`
	CreatedAt  time.Time       `json:"created_at" doc:"When the event happened"`
	EndedAt    time.Time       `json:"ended_at,omitzero" doc:"When it was delivered or given up"`
	Tries      []DeliveryTry   `json:"tries" doc:"The last attempts, the newest last"`
	Payload    json.RawMessage `json:"payload,omitempty" doc:"The body; only of a delivery that is shown by itself"`
}

// DeliveryTry is one attempt at a delivery.
type DeliveryTry struct {
	At       time.Time `json:"at"`
	TookMs   float64   `json:"took_ms" doc:"Until the answer was there, or until it failed"`
	Outcome  string    `json:"outcome" doc:"delivered, status, gone, throttled, redirected, timeout, refused_address, dns, tls or connection"`
	Status   int       `json:"status,omitempty" doc:"What the receiver answered"`
	Problem  string    `json:"problem,omitempty" doc:"What went wrong before it could answer"`
	Response string    `json:"response,omitempty" doc:"The beginning of its answer"`
}

// WebhookCreateInput is the request of WebhookCreate.
type WebhookCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           WebhookCreate
}

// WebhookListInput is the request of WebhookList.
type WebhookListInput struct {
	Namespace string `query:"namespace" doc:"Only those of this namespace"`
	PageInput
}

// WebhookInput is a request about one webhook.
type WebhookInput struct {
	WebhookID string `path:"webhook_id" doc:"Public id of the webhook"`
}

// WebhookUpdateInput is the request of WebhookUpdate.
type WebhookUpdateInput struct {
	WebhookID string `path:"webhook_id" doc:"Public id of the webhook"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body      WebhookUpdate
}

// WebhookDeleteInput is the request of WebhookDelete.
type WebhookDeleteInput struct {
	WebhookID string `path:"webhook_id" doc:"Public id of the webhook"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this is meant for"`
}

// WebhookDisableInput is the request of WebhookDisable.
type WebhookDisableInput struct {
	WebhookID string `path:"webhook_id" doc:"Public id of the webhook"`
	Body      WebhookDisable
}

// WebhookRotateSecretInput is the request of WebhookRotateSecret.
type WebhookRotateSecretInput struct {
	WebhookID      string `path:"webhook_id" doc:"Public id of the webhook"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           *WebhookRotateSecret
}

// WebhookDeliveriesInput is the request of WebhookDeliveries.
type WebhookDeliveriesInput struct {
	WebhookID string    `path:"webhook_id" doc:"Public id of the webhook"`
	State     string    `query:"state" doc:"Only those that are pending, delivered or failed"`
	Event     string    `query:"event" doc:"Only of this type"`
	Since     time.Time `query:"since" doc:"Only those made at the instant or later"`
	Until     time.Time `query:"until" doc:"Only those made before the instant"`
	PageInput
}

// WebhookDeliveryInput is a request about one delivery.
type WebhookDeliveryInput struct {
	WebhookID  string `path:"webhook_id" doc:"Public id of the webhook"`
	DeliveryID string `path:"delivery_id" doc:"Public id of the delivery"`
}

// WebhookReplayInput is the request of WebhookReplay.
type WebhookReplayInput struct {
	WebhookID string `path:"webhook_id" doc:"Public id of the webhook"`
	Body      WebhookReplay
}
