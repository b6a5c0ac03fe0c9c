package management

import (
	"context"
	"slices"
	"strings"
	"time"

	"credence/management/event"
	"credence/store"
)

// WebhookDeliveries is the input of [Service.WebhookDeliveries].
type WebhookDeliveries struct {
	WebhookID string
	State     string // "" for any
	EventType string // "" for any
	Since     time.Time
	Until     time.Time
	Page      PageInput
}

// DeliveryPage is a part of the deliveries to a webhook, the newest first.
type DeliveryPage struct {
	Items []store.Delivery
	Next  store.Cursor // "" when nothing follows
}

// WebhookDeliveries lists what a webhook was told, or is to be told.
func (s *Service) WebhookDeliveries(ctx context.Context, a Actor, in WebhookDeliveries) (DeliveryPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	filter := p.deliveryFilter(in.WebhookID, in.State, in.EventType, in.Since, in.Until)
	if err := p.err("list deliveries"); err != nil {
		return DeliveryPage{}, err
	}
	if _, err := readWebhook(ctx, s.store, a, in.WebhookID); err != nil {
		return DeliveryPage{}, err
	}
	items, next, err := s.store.Deliveries(ctx, filter, page)
	if err != nil {
		return DeliveryPage{}, failed("list deliveries", err)
	}
	return DeliveryPage{Items: items, Next: next}, nil
}

func (p *problems) deliveryFilter(id, state, eventType string, since, until time.Time) store.DeliveryFilter {
	f := store.DeliveryFilter{WebhookID: id, EventType: eventType, Since: p.instant("since", since), Until: p.instant("until", until)}
	if state != "" {
		f.States = []store.DeliveryState{store.DeliveryState(state)}
		if !slices.Contains(store.DeliveryStates(), f.States[0]) {
			p.add("state", quoted(state)+" is no state of a delivery", "use pending, delivered or failed")
		}
	}
	if eventType != "" && (strings.Contains(eventType, "*") || !event.ValidFilter(eventType)) {
		p.add("event", quoted(eventType)+" is no type of event", "use one of docs/events.md, such as key.revoked")
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		p.add("until", "is not after since", "swap the two")
	}
	return f
}

// WebhookDelivery reads one delivery to a webhook.
func (s *Service) WebhookDelivery(ctx context.Context, a Actor, webhookID, id string) (store.Delivery, error) {
	w, err := readWebhook(ctx, s.store, a, webhookID)
	if err != nil {
		return store.Delivery{}, err
	}
	return readDelivery(ctx, s.store, &w, id)
}
