package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"credence/store"
)

const deliveryColumns = `delivery_id, webhook_id, event_id, event_type, sequence, payload, state, attempts, next_at,
	created_at, ended_at, tries`

func scanDelivery(r row, d *store.Delivery) error {
	err := r.Scan(&d.ID, &d.WebhookID, &d.EventID, &d.EventType, &d.Sequence, &d.Payload, &d.State, &d.Attempts,
		instant{&d.NextAt}, instant{&d.CreatedAt}, instant{&d.EndedAt}, &d.Tries)
	noneIsNil(&d.Tries)
	return err
}

// Delivery implements [store.DeliveryReader].
func (r reader) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	var d store.Delivery
	err := r.q.row(ctx, "SELECT "+deliveryColumns+" FROM credence.webhook_deliveries WHERE delivery_id = $1", []any{id},
		func(r row) error { return scanDelivery(r, &d) })
	if err != nil {
		return store.Delivery{}, fmt.Errorf("delivery %q: %w", id, err)
	}
	return d, nil
}

// Deliveries implements [store.DeliveryReader].
func (r reader) Deliveries(ctx context.Context, filter store.DeliveryFilter, page store.Page) ([]store.Delivery, store.Cursor, error) {
	c := deliveryConditions(&filter)
	if after, err := strconv.ParseInt(string(page.After), 10, 64); err == nil {
		c.add("sequence < " + c.arg(after))
	}
	query := c.query("SELECT "+deliveryColumns+" FROM credence.webhook_deliveries", "sequence DESC", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanDelivery)
	if err != nil {
		return nil, "", fmt.Errorf("deliveries: %w", err)
	}
	found, next := cutPage(found, page, func(d *store.Delivery) store.Cursor {
		return store.Cursor(strconv.FormatInt(d.Sequence, 10))
	})
	return found, next, nil
}

func deliveryConditions(f *store.DeliveryFilter) *conditions {
	var c conditions
	c.add("webhook_id = " + c.arg(f.WebhookID))
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	c.anyOf("state", states)
	if f.EventType != "" {
		c.add("event_type = " + c.arg(f.EventType))
	}
	if !f.Since.IsZero() {
		c.add("created_at >= " + c.arg(timeOrNull(f.Since)))
	}
	if !f.Until.IsZero() {
		c.add("created_at < " + c.arg(timeOrNull(f.Until)))
	}
	if !f.EndedBefore.IsZero() {
		c.add("ended_at < " + c.arg(timeOrNull(f.EndedBefore)))
	}
	return &c
}

// DueDeliveries implements [store.DeliveryReader].
func (r reader) DueDeliveries(ctx context.Context, webhookID string, at time.Time, limit int) ([]store.Delivery, error) {
	found, err := listRows(ctx, r.q, "SELECT "+deliveryColumns+` FROM credence.webhook_deliveries
		WHERE webhook_id = $1 AND state = 'pending' AND next_at <= $2 ORDER BY next_at, sequence LIMIT $3`,
		[]any{webhookID, timeOrNull(at), limit}, scanDelivery)
	if err != nil {
		return nil, fmt.Errorf("due deliveries of webhook %q: %w", webhookID, err)
	}
	return found, nil
}

const insertDelivery = "INSERT INTO credence.webhook_deliveries (" + deliveryColumns +
	") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

// InsertDeliveries implements [store.DeliveryWriter].
func (w *writer) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	rows := make([][]any, len(deliveries))
	for i := range deliveries {
		d := &deliveries[i]
		rows[i] = []any{
			d.ID, d.WebhookID, d.EventID, d.EventType, d.Sequence, d.Payload, string(d.State), d.Attempts, timeOrNull(d.NextAt),
			timeOrNull(d.CreatedAt), timeOrNull(d.EndedAt), list(d.Tries),
		}
	}
	if err := w.batch(ctx, statements{insertDelivery, rows}); err != nil {
		return fmt.Errorf("insert %d deliveries: %w", len(deliveries), err)
	}
	return nil
}

// UpdateDelivery implements [store.DeliveryWriter].
func (w *writer) UpdateDelivery(ctx context.Context, d store.Delivery) error {
	err := found(w.q.exec(ctx, `UPDATE credence.webhook_deliveries SET state = $1, attempts = $2, next_at = $3, ended_at = $4, tries = $5
		WHERE delivery_id = $6`,
		string(d.State), d.Attempts, timeOrNull(d.NextAt), timeOrNull(d.EndedAt), list(d.Tries), d.ID))
	if err != nil {
		return fmt.Errorf("update delivery %q: %w", d.ID, err)
	}
	return nil
}

// RepeatDeliveries implements [store.DeliveryWriter].
func (w *writer) RepeatDeliveries(ctx context.Context, filter store.DeliveryFilter, at time.Time, limit int) (int, error) {
	c := deliveryConditions(&filter)
	c.add("state <> 'pending'")
	query := c.query("SELECT delivery_id FROM credence.webhook_deliveries", "sequence", limit)
	n, err := w.q.exec(ctx, "UPDATE credence.webhook_deliveries SET state = 'pending', attempts = 0, ended_at = NULL, next_at = "+
		c.arg(timeOrNull(at))+" WHERE delivery_id IN ("+query+")", c.args...)
	if err != nil {
		return 0, fmt.Errorf("repeat deliveries of webhook %q: %w", filter.WebhookID, err)
	}
	return n, nil
}

// RemoveDeliveries implements [store.DeliveryWriter].
func (w *writer) RemoveDeliveries(ctx context.Context, before time.Time) (int, error) {
	n, err := w.q.exec(ctx, `DELETE FROM credence.webhook_deliveries WHERE delivery_id IN (SELECT delivery_id
		FROM credence.webhook_deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, timeOrNull(before), store.RemoveBatch)
	if err != nil {
		return 0, fmt.Errorf("remove deliveries: %w", err)
	}
	return n, nil
}
