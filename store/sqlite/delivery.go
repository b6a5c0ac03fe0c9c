package sqlite

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
	return r.Scan(&d.ID, &d.WebhookID, &d.EventID, &d.EventType, &d.Sequence, &d.Payload, &d.State, &d.Attempts,
		instant{&d.NextAt}, instant{&d.CreatedAt}, instant{&d.EndedAt}, items[store.DeliveryTry]{&d.Tries})
}

// Delivery implements [store.DeliveryReader].
func (r reader) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	var d store.Delivery
	err := scanDelivery(r.q.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM webhook_deliveries WHERE delivery_id = ?", id), &d)
	if err != nil {
		return store.Delivery{}, fmt.Errorf("delivery %q: %w", id, translate(err))
	}
	return d, nil
}

// Deliveries implements [store.DeliveryReader].
func (r reader) Deliveries(ctx context.Context, filter store.DeliveryFilter, page store.Page) ([]store.Delivery, store.Cursor, error) {
	c := deliveryConditions(&filter)
	if after, err := strconv.ParseInt(string(page.After), 10, 64); err == nil {
		c.add("sequence < ?", after)
	}
	query := c.query("SELECT "+deliveryColumns+" FROM webhook_deliveries", " ORDER BY sequence DESC LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanDelivery)
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
	c.add("webhook_id = ?", f.WebhookID)
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	c.anyOf("state", states)
	if f.EventType != "" {
		c.add("event_type = ?", f.EventType)
	}
	if !f.Since.IsZero() {
		c.add("created_at >= ?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		c.add("created_at < ?", micros(f.Until))
	}
	if !f.EndedBefore.IsZero() {
		c.add("ended_at < ?", micros(f.EndedBefore))
	}
	return &c
}

// DueDeliveries implements [store.DeliveryReader].
func (r reader) DueDeliveries(ctx context.Context, webhookID string, at time.Time, limit int) ([]store.Delivery, error) {
	found, err := listRows(ctx, r.q, "SELECT "+deliveryColumns+` FROM webhook_deliveries
		WHERE webhook_id = ? AND state = 'pending' AND next_at <= ? ORDER BY next_at, sequence LIMIT ?`,
		[]any{webhookID, micros(at), limit}, scanDelivery)
	if err != nil {
		return nil, fmt.Errorf("due deliveries of webhook %q: %w", webhookID, err)
	}
	return found, nil
}

// InsertDeliveries implements [store.DeliveryWriter].
func (w *writer) InsertDeliveries(ctx context.Context, deliveries []store.Delivery) error {
	for i := range deliveries {
		d := &deliveries[i]
		tries, err := list(d.Tries)
		if err != nil {
			return fmt.Errorf("insert delivery %q: %w", d.ID, err)
		}
		_, err = w.tx.ExecContext(ctx,
			"INSERT INTO webhook_deliveries ("+deliveryColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			d.ID, d.WebhookID, d.EventID, d.EventType, d.Sequence, d.Payload, string(d.State), d.Attempts, micros(d.NextAt),
			micros(d.CreatedAt), micros(d.EndedAt), tries)
		if err != nil {
			return fmt.Errorf("insert delivery %q: %w", d.ID, translate(err))
		}
	}
	return nil
}

// UpdateDelivery implements [store.DeliveryWriter].
func (w *writer) UpdateDelivery(ctx context.Context, d store.Delivery) error {
	tries, err := list(d.Tries)
	if err != nil {
		return fmt.Errorf("update delivery %q: %w", d.ID, err)
	}
	n, err := removed(w.tx.ExecContext(ctx,
		"UPDATE webhook_deliveries SET state = ?, attempts = ?, next_at = ?, ended_at = ?, tries = ? WHERE delivery_id = ?",
		string(d.State), d.Attempts, micros(d.NextAt), micros(d.EndedAt), tries, d.ID))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("update delivery %q: %w", d.ID, err)
	}
	return nil
}

// RepeatDeliveries implements [store.DeliveryWriter].
func (w *writer) RepeatDeliveries(ctx context.Context, filter store.DeliveryFilter, at time.Time, limit int) (int, error) {
	c := deliveryConditions(&filter)
	c.add("state <> 'pending'")
	query := c.query("SELECT delivery_id FROM webhook_deliveries", " ORDER BY sequence LIMIT ?")
	n, err := removed(w.tx.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'pending', attempts = 0, ended_at = NULL, next_at = ?
		WHERE delivery_id IN (`+query+")", append(append([]any{micros(at)}, c.args...), limit)...))
	if err != nil {
		return 0, fmt.Errorf("repeat deliveries of webhook %q: %w", filter.WebhookID, err)
	}
	return n, nil
}

// RemoveDeliveries implements [store.DeliveryWriter].
func (w *writer) RemoveDeliveries(ctx context.Context, before time.Time) (int, error) {
	n, err := removed(w.tx.ExecContext(ctx, `DELETE FROM webhook_deliveries WHERE delivery_id IN (SELECT delivery_id FROM webhook_deliveries
		WHERE created_at < ? ORDER BY created_at LIMIT ?)`, micros(before), store.RemoveBatch))
	if err != nil {
		return 0, fmt.Errorf("remove deliveries: %w", err)
	}
	return n, nil
}
