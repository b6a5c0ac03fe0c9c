package store

import (
	"context"
	"time"
)

// Webhook is an address outside that is told of events.
type Webhook struct {
	ID          string // WebhookIDPrefix + time-ordered id
	Namespace   string // whose events it is told; "": all, and those of no namespace
	URL         string // may hold a secret: it is not for logs or for other events
	Description string
	Events      []string // filters by type
	Rate        int      // most deliveries in a second

	// What deliveries are signed with, sealed; bound to [WebhookAssociatedData].
	// The previous one counts until its time is over.
	Secret         []byte
	PreviousSecret []byte
	PreviousUntil  time.Time

	DisabledAt     time.Time // zero: enabled
	DisabledReason string

	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64 // of all but Progress

	Progress WebhookProgress
}

// Enabled reports whether the webhook is called.
func (w *Webhook) Enabled() bool { return w.DisabledAt.IsZero() }

// WebhookProgress is how far the deliveries to a webhook have come. It is no
// change that anybody made: neither audited nor part of the version.
type WebhookProgress struct {
	Sequence     int64     // of the newest event that it is told
	DueAt        time.Time // when somebody must look at it; zero: there is nothing to do
	TakenUntil   time.Time // somebody does, and nobody else before
	PausedUntil  time.Time // it is not called before, since it fails
	Failures     int       // in a row
	FailingSince time.Time // zero: it does not fail
}

// WebhookAssociatedData is what the sealed secrets of a webhook are bound to.
func WebhookAssociatedData(id string) []byte { return []byte("webhook_endpoints\x00" + id) }

// WebhookReader reads webhooks.
type WebhookReader interface {
	// Webhook MUST answer ErrNotFound when there is none.
	Webhook(ctx context.Context, id string) (Webhook, error)
	// Webhooks MUST answer pages ordered by id, of the scopes only ("" names
	// those of no namespace); no scopes: all.
	Webhooks(ctx context.Context, scopes []string, page Page) ([]Webhook, Cursor, error)
	// LateWebhooks MUST answer the ids of at most limit enabled webhooks that
	// were due before the instant and are not taken then, the latest first.
	LateWebhooks(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// WebhookWriter changes webhooks inside a transaction.
type WebhookWriter interface {
	// InsertWebhook MUST answer ErrConflict when the id is taken, and
	// ErrMissingReference when there is no such namespace.
	InsertWebhook(ctx context.Context, w Webhook) error
	// UpdateWebhook MUST keep the version rule of UpdateKey, and MUST leave
	// Progress, namespace and who made it as they are.
	UpdateWebhook(ctx context.Context, w Webhook) error
	// SetWebhookProgress MUST set Progress and nothing else; of a webhook that
	// is gone it MUST answer nil.
	SetWebhookProgress(ctx context.Context, id string, p WebhookProgress) error
	// DeleteWebhook MUST answer ErrNotFound when there is none and ErrStale on
	// another version.
	DeleteWebhook(ctx context.Context, id string, version int64) error
}
