package store

import (
	"context"
	"time"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID        string // DeliveryIDPrefix + time-ordered id
	WebhookID string
	EventID   string // the same for all webhooks that are told
	EventType string
	Sequence  int64  // among what the webhook is told
	Payload   string // the body, JSON
	State     DeliveryState
	Attempts  int       // since it was made or asked for again
	NextAt    time.Time // not tried before; zero unless pending
	CreatedAt time.Time
	EndedAt   time.Time // when it was delivered or given up; zero while pending
	Tries     []DeliveryTry
}

// DeliveryState says how a delivery stands.
type DeliveryState string

// The states.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed" // given up
)

// DeliveryStates lists the states.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{DeliveryPending, DeliveryDelivered, DeliveryFailed}
}

// DeliveryTry is one attempt at a delivery.
type DeliveryTry struct {
	At       time.Time     `json:"at"`
	Latency  time.Duration `json:"latency"`
	Outcome  string        `json:"outcome"` // "delivered", or the word for what went wrong
	Status   int           `json:"status,omitzero"`
	Problem  string        `json:"problem,omitzero"`
	Response string        `json:"response,omitzero"` // its beginning
}

// MaxTries is how many attempts a delivery remembers, the newest.
const MaxTries = 10

// Tried adds an attempt.
func (d *Delivery) Tried(t DeliveryTry) {
	d.Attempts++
	d.Tries = append(d.Tries, t)
	if n := len(d.Tries); n > MaxTries {
		d.Tries = d.Tries[n-MaxTries:]
	}
}

// DeliveryFilter says which deliveries of a webhook are meant. Zero fields
// narrow nothing.
type DeliveryFilter struct {
	WebhookID string // required
	States    []DeliveryState
	EventType string
	Since     time.Time // made at the instant or later
	Until     time.Time // made before the instant
	// EndedBefore leaves those that are pending, or ended at the instant or
	// later.
	EndedBefore time.Time
}

// DeliveryReader reads deliveries.
type DeliveryReader interface {
	// Delivery MUST answer ErrNotFound when there is none.
	Delivery(ctx context.Context, id string) (Delivery, error)
	// Deliveries MUST answer only deliveries that meet every condition of the
	// filter, and pages that MUST be ordered by sequence, the newest first.
	Deliveries(ctx context.Context, filter DeliveryFilter, page Page) ([]Delivery, Cursor, error)
	// DueDeliveries MUST answer at most limit pending deliveries of the
	// webhook whose NextAt is not after the instant, by NextAt and sequence.
	DueDeliveries(ctx context.Context, webhookID string, at time.Time, limit int) ([]Delivery, error)
}

// DeliveryWriter changes deliveries inside a transaction.
type DeliveryWriter interface {
	// InsertDeliveries MUST insert all or none, and answer ErrConflict when an
	// id, or a sequence of the webhook, is taken.
	InsertDeliveries(ctx context.Context, deliveries []Delivery) error
	// UpdateDelivery MUST set state, attempts, instants and tries and leave the
	// rest; ErrNotFound when there is none.
	UpdateDelivery(ctx context.Context, d Delivery) error
	// RepeatDeliveries MUST make at most limit deliveries pending again that meet
	// the filter and are not pending, due at the instant and without
	// attempts, the oldest first, and answer how many.
	RepeatDeliveries(ctx context.Context, filter DeliveryFilter, at time.Time, limit int) (int, error)
	// RemoveDeliveries MUST delete at most RemoveBatch deliveries that were made
	// before the instant, the oldest first, and answer how many.
	RemoveDeliveries(ctx context.Context, before time.Time) (int, error)
}
