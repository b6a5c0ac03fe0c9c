package postgres

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
	err := r.Scan(&w.ID, optionalText{&w.Namespace}, &w.URL, &w.Description, &w.Events, &w.Rate, &w.Secret,
		&w.PreviousSecret, instant{&w.PreviousUntil}, instant{&w.DisabledAt}, &w.DisabledReason, &w.CreatedBy,
		instant{&w.CreatedAt}, instant{&w.UpdatedAt}, &w.Version,
		&p.Sequence, instant{&p.DueAt}, instant{&p.TakenUntil}, instant{&p.PausedUntil}, &p.Failures, instant{&p.FailingSince})
	noneIsNil(&w.Events)
	return err
}

// Webhook implements [store.WebhookReader].
func (r reader) Webhook(ctx context.Context, id string) (store.Webhook, error) {
	var w store.Webhook
	err := r.q.row(ctx, "SELECT "+webhookColumns+" FROM credence.webhook_endpoints WHERE webhook_id = $1", []any{id},
		func(r row) error { return scanWebhook(r, &w) })
	if err != nil {
		return store.Webhook{}, fmt.Errorf("webhook %q: %w", id, err)
	}
	return w, nil
}

// Webhooks implements [store.WebhookReader].
func (r reader) Webhooks(ctx context.Context, scopes []string, page store.Page) ([]store.Webhook, store.Cursor, error) {
	var c conditions
	c.anyOf("coalesce(namespace, '')", scopes)
	c.add("webhook_id > " + c.arg(string(page.After)))
	query := c.query("SELECT "+webhookColumns+" FROM credence.webhook_endpoints", "webhook_id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanWebhook)
	if err != nil {
		return nil, "", fmt.Errorf("webhooks: %w", err)
	}
	found, next := cutPage(found, page, func(w *store.Webhook) store.Cursor { return store.Cursor(w.ID) })
	return found, next, nil
}

// LateWebhooks implements [store.WebhookReader].
func (r reader) LateWebhooks(ctx context.Context, before time.Time, limit int) ([]string, error) {
	late, err := listRows(ctx, r.q, `SELECT webhook_id FROM credence.webhook_endpoints
		WHERE due_at < $1 AND (taken_until IS NULL OR taken_until < $1) AND disabled_at IS NULL ORDER BY due_at, webhook_id LIMIT $2`,
		[]any{timeOrNull(before), limit}, func(r row, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("late webhooks: %w", err)
	}
	return late, nil
}

// InsertWebhook implements [store.WebhookWriter].
func (w *writer) InsertWebhook(ctx context.Context, h store.Webhook) error {
	p := &h.Progress
	_, err := w.q.exec(ctx, "INSERT INTO credence.webhook_endpoints ("+webhookColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
		h.ID, textOrNull(h.Namespace), h.URL, h.Description, list(h.Events), h.Rate, h.Secret, bytesOrNull(h.PreviousSecret),
		timeOrNull(h.PreviousUntil), timeOrNull(h.DisabledAt), h.DisabledReason, h.CreatedBy, timeOrNull(h.CreatedAt),
		timeOrNull(h.UpdatedAt), h.Version, p.Sequence, timeOrNull(p.DueAt), timeOrNull(p.TakenUntil), timeOrNull(p.PausedUntil), p.Failures, timeOrNull(p.FailingSince))
	if err != nil {
		return fmt.Errorf("insert webhook %q: %w", h.ID, err)
	}
	return nil
}

const webhookVersion = "SELECT version FROM credence.webhook_endpoints WHERE webhook_id = $1"

// UpdateWebhook implements [store.WebhookWriter].
func (w *writer) UpdateWebhook(ctx context.Context, h store.Webhook) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.webhook_endpoints SET url = $1, description = $2, events = $3, rate = $4, secret = $5, previous_secret = $6,
			previous_until = $7, disabled_at = $8, disabled_reason = $9, updated_at = $10, version = version + 1
		WHERE webhook_id = $11 AND version = $12`,
		h.URL, h.Description, list(h.Events), h.Rate, h.Secret, bytesOrNull(h.PreviousSecret), timeOrNull(h.PreviousUntil),
		timeOrNull(h.DisabledAt), h.DisabledReason, timeOrNull(h.UpdatedAt), h.ID, h.Version)
	if err := w.versioned(ctx, changed, err, webhookVersion, h.ID); err != nil {
		return fmt.Errorf("update webhook %q: %w", h.ID, err)
	}
	return nil
}

// SetWebhookProgress implements [store.WebhookWriter].
func (w *writer) SetWebhookProgress(ctx context.Context, id string, p store.WebhookProgress) error {
	_, err := w.q.exec(ctx, `UPDATE credence.webhook_endpoints SET sequence = $1, due_at = $2, taken_until = $3, paused_until = $4,
			failures = $5, failing_since = $6 WHERE webhook_id = $7`,
		p.Sequence, timeOrNull(p.DueAt), timeOrNull(p.TakenUntil), timeOrNull(p.PausedUntil), p.Failures, timeOrNull(p.FailingSince), id)
	if err != nil {
		return fmt.Errorf("progress of webhook %q: %w", id, err)
	}
	return nil
}

// DeleteWebhook implements [store.WebhookWriter].
func (w *writer) DeleteWebhook(ctx context.Context, id string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.webhook_endpoints WHERE webhook_id = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), webhookVersion, id); err != nil {
		return fmt.Errorf("delete webhook %q: %w", id, err)
	}
	return nil
}
