package management

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"credence/management/event"
	"credence/store"
)

// happening is an event of a transaction, before anybody is told of it.
type happening struct {
	kind      event.Type
	namespace string
	data      any
	only      string // the one webhook that is told; "": all that want to know
}

// emit has webhooks told that something happened, if the transaction commits.
func (t *transaction) emit(kind event.Type, namespace string, data any) {
	t.events = append(t.events, happening{kind: kind, namespace: namespace, data: data})
}

// tell writes down for each webhook what it is to be told. It is the last that
// a transaction does, so that however much happens in it, each webhook is
// numbered and woken once.
func (t *transaction) tell(ctx context.Context, random io.Reader) error {
	var namespaces []string // in the order in which something happened there
	in := map[string][]occurrence{}
	for _, h := range t.events {
		o, err := t.occur(h, random)
		if err != nil {
			return err
		}
		if _, seen := in[h.namespace]; !seen {
			namespaces = append(namespaces, h.namespace)
		}
		in[h.namespace] = append(in[h.namespace], o)
	}
	for _, namespace := range namespaces {
		hooks, err := t.webhooksOf(ctx, namespace)
		if err != nil {
			return fmt.Errorf("tell webhooks: %w", err)
		}
		for i := range hooks {
			if err := t.tellWebhook(ctx, &hooks[i], in[namespace], random); err != nil {
				return fmt.Errorf("tell webhook %s: %w", hooks[i].ID, err)
			}
		}
	}
	return nil
}

// occurrence is an event with its id and its data as JSON.
type occurrence struct {
	happening

	envelope event.Envelope
}

func (t *transaction) occur(h happening, random io.Reader) (occurrence, error) {
	version := event.VersionOf(h.kind)
	if version == 0 {
		return occurrence{}, fmt.Errorf("event %s is not in the catalogue", h.kind)
	}
	id, err := store.NewID(store.EventIDPrefix, t.Now(), random)
	if err != nil {
		return occurrence{}, err
	}
	data, err := json.Marshal(h.data)
	if err != nil {
		return occurrence{}, fmt.Errorf("event %s: %w", h.kind, err)
	}
	return occurrence{h, event.Envelope{
		ID: id, Type: h.kind, Version: version, Timestamp: t.Now(), Namespace: h.namespace, Data: data,
	}}, nil
}

// webhooksOf are those of a namespace and those of all.
func (t *transaction) webhooksOf(ctx context.Context, namespace string) ([]store.Webhook, error) {
	scopes := []string{""}
	if namespace != "" {
		scopes = append(scopes, namespace)
	}
	// There are at most 2 * maxWebhooks of them.
	hooks, _, err := t.Webhooks(ctx, scopes, store.Page{Limit: store.MaxPage})
	return hooks, err
}

// tellWebhook writes down what of it the webhook wants to know.
func (t *transaction) tellWebhook(ctx context.Context, w *store.Webhook, all []occurrence, random io.Reader) error {
	var wanted []event.Envelope
	var deliveries []store.Delivery
	for i := range all {
		o := &all[i]
		if o.only != "" && o.only != w.ID || o.only == "" && !event.Match(w.Events, o.kind) {
			continue
		}
		id, err := store.NewID(store.DeliveryIDPrefix, t.Now(), random)
		if err != nil {
			return err
		}
		wanted = append(wanted, o.envelope)
		deliveries = append(deliveries, store.Delivery{
			ID: id, WebhookID: w.ID, EventID: o.envelope.ID, EventType: string(o.kind),
			State: store.DeliveryPending, NextAt: t.Now(), CreatedAt: t.Now(),
		})
	}
	if len(deliveries) == 0 {
		return nil
	}
	tell := t.Tell
	if t.counted {
		tell = t.TellCounted
	}
	return tell(ctx, w, deliveries, func(i int, d *store.Delivery) error {
		wanted[i].Sequence = d.Sequence
		body, err := json.Marshal(wanted[i])
		d.Payload = string(body)
		return err
	})
}
