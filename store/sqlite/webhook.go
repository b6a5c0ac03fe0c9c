package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const webhookColumns = `webhook_id, namespace, url, description, events, rate, secret, previous_secret, previous_until,
	disabled_at, disabled_reason, created_by, created_at, updated_at, version,
	sequence, due_at, taken_until, paused_until, failures, failing_since`

func scanWebhook(r row, w *store.Webhook) error {
	p := &w.Progress
	return r.Scan(&w.ID, optionalText{&w.Namespace}, &w.URL, &w.Description, items[string]{&w.Events}, &w.Rate, &w.Secret,
		&w.PreviousSecret, instant{&w.PreviousUntil}, instant{&w.DisabledAt}, &w.DisabledReason, &w.CreatedBy,
		instant{&w.CreatedAt}, instant{&w.UpdatedAt}, &w.Version,
		&p.Sequence, instant{&p.DueAt}, instant{&p.TakenUntil}, instant{&p.PausedUntil}, &p.Failures, instant{&p.FailingSince})
}

// Webhook implements [store.WebhookReader].
func (r reader) Webhook(ctx context.Context, id string) (store.Webhook, error) {
	var w store.Webhook
	err := scanWebhook(r.q.QueryRowContext(ctx, "SELECT "+webhookColumns+" FROM webhook_endpoints WHERE webhook_id = ?", id), &w)
	if err != nil {
		return store.Webhook{}, fmt.Errorf("webhook %q: %w", id, translate(err))
	}
	return w, nil
}

// Webhooks implements [store.WebhookReader].
func (r reader) Webhooks(ctx context.Context, scopes []string, page store.Page) ([]store.Webhook, store.Cursor, error) {
	var c conditions
	c.anyOf("ifnull(namespace, '')", scopes)
	c.add("webhook_id > ?", string(page.After))
	query := c.query("SELECT "+webhookColumns+" FROM webhook_endpoints", " ORDER BY webhook_id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanWebhook)
	if err != nil {
		return nil, "", fmt.Errorf("webhooks: %w", err)
	}
	found, next := cutPage(found, page, func(w *store.Webhook) store.Cursor { return store.Cursor(w.ID) })
	return found, next, nil
}

// LateWebhooks implements [store.WebhookReader].
func (r reader) LateWebhooks(ctx context.Context, before time.Time, limit int) ([]string, error) {
	late, err := listRows(ctx, r.q,
		"SELECT webhook_id FROM webhook_endpoints WHERE due_at < ?1 AND ifnull(taken_until, 0) < ?1 AND disabled_at IS NULL ORDER BY due_at, webhook_id LIMIT ?2",
		[]any{micros(before), limit}, func(r row, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("late webhooks: %w", err)
	}
	return late, nil
}

// InsertWebhook implements [store.WebhookWriter].
func (w *writer) InsertWebhook(ctx context.Context, h store.Webhook) error {
	events, err := list(h.Events)
	if err != nil {
		return fmt.Errorf("insert webhook %q: %w", h.ID, err)
	}
	p := &h.Progress
	_, err = w.tx.ExecContext(ctx, "INSERT INTO webhook_endpoints ("+webhookColumns+
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		h.ID, textOrNull(h.Namespace), h.URL, h.Description, events, h.Rate, h.Secret, bytesOrNull(h.PreviousSecret),
		micros(h.PreviousUntil), micros(h.DisabledAt), h.DisabledReason, h.CreatedBy, micros(h.CreatedAt), micros(h.UpdatedAt),
		h.Version, p.Sequence, micros(p.DueAt), micros(p.TakenUntil), micros(p.PausedUntil), p.Failures, micros(p.FailingSince))
	if err != nil {
		return fmt.Errorf("insert webhook %q: %w", h.ID, translate(err))
	}
	return nil
}

const webhookVersion = "SELECT version FROM webhook_endpoints WHERE webhook_id = ?"

// UpdateWebhook implements [store.WebhookWriter].
func (w *writer) UpdateWebhook(ctx context.Context, h store.Webhook) error {
	events, err := list(h.Events)
	if err != nil {
		return fmt.Errorf("update webhook %q: %w", h.ID, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE webhook_endpoints SET url = ?, description = ?, events = ?, rate = ?, secret = ?, previous_secret = ?,
			previous_until = ?, disabled_at = ?, disabled_reason = ?, updated_at = ?, version = version + 1
		WHERE webhook_id = ? AND version = ?`,
		h.URL, h.Description, events, h.Rate, h.Secret, bytesOrNull(h.PreviousSecret), micros(h.PreviousUntil),
		micros(h.DisabledAt), h.DisabledReason, micros(h.UpdatedAt), h.ID, h.Version)
	if err != nil {
		return fmt.Errorf("update webhook %q: %w", h.ID, translate(err))
	}
	if err := w.versioned(ctx, result, webhookVersion, h.ID); err != nil {
		return fmt.Errorf("update webhook %q: %w", h.ID, err)
	}
	return nil
}

// SetWebhookProgress implements [store.WebhookWriter].
func (w *writer) SetWebhookProgress(ctx context.Context, id string, p store.WebhookProgress) error {
	_, err := w.tx.ExecContext(ctx,
		`UPDATE webhook_endpoints SET sequence = ?, due_at = ?, taken_until = ?, paused_until = ?, failures = ?, failing_since = ? WHERE webhook_id = ?`,
		p.Sequence, micros(p.DueAt), micros(p.TakenUntil), micros(p.PausedUntil), p.Failures, micros(p.FailingSince), id)
	if err != nil {
		return fmt.Errorf("progress of webhook %q: %w", id, translate(err))
	}
	return nil
}

// DeleteWebhook implements [store.WebhookWriter].
func (w *writer) DeleteWebhook(ctx context.Context, id string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM webhook_endpoints WHERE webhook_id = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete webhook %q: %w", id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, webhookVersion, id); err != nil {
		return fmt.Errorf("delete webhook %q: %w", id, err)
	}
	return nil
}
