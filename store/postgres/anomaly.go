package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const anomalyColumns = `anomaly_id, key_id, anomaly_type, severity, state, namespace, subject, details,
	first_at, last_at, created_at, state_at, state_by, note, actions, acted_at, version`

func scanAnomaly(r row, a *store.Anomaly) error {
	err := r.Scan(&a.ID, optionalText{&a.KeyID}, &a.Type, &a.Severity, &a.State, &a.Namespace, &a.Subject, &a.Evidence,
		instant{&a.FirstAt}, instant{&a.LastAt}, instant{&a.CreatedAt}, instant{&a.StateAt}, &a.StateBy, &a.Note,
		&a.Actions, instant{&a.ActedAt}, &a.Version)
	noneIsNil(&a.Actions)
	return err
}

// Anomaly implements [store.AnomalyReader].
func (r reader) Anomaly(ctx context.Context, id string) (store.Anomaly, error) {
	var a store.Anomaly
	err := r.q.row(ctx, "SELECT "+anomalyColumns+" FROM credence.api_key_anomalies WHERE anomaly_id = $1", []any{id},
		func(r row) error { return scanAnomaly(r, &a) })
	if err != nil {
		return store.Anomaly{}, fmt.Errorf("anomaly %q: %w", id, err)
	}
	return a, nil
}

// LatestAnomaly implements [store.AnomalyReader].
func (r reader) LatestAnomaly(ctx context.Context, kind, subject string) (store.Anomaly, error) {
	var a store.Anomaly
	err := r.q.row(ctx, "SELECT "+anomalyColumns+` FROM credence.api_key_anomalies
		WHERE anomaly_type = $1 AND subject = $2 ORDER BY anomaly_id DESC LIMIT 1`, []any{kind, subject},
		func(r row) error { return scanAnomaly(r, &a) })
	if err != nil {
		return store.Anomaly{}, fmt.Errorf("anomaly %s of %q: %w", kind, subject, err)
	}
	return a, nil
}

// Anomalies implements [store.AnomalyReader].
func (r reader) Anomalies(ctx context.Context, f store.AnomalyFilter, page store.Page) ([]store.Anomaly, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", f.Namespaces)
	for _, is := range []struct{ column, value string }{
		{"key_id", f.KeyID}, {"anomaly_type", f.Type}, {"severity", string(f.Severity)}, {"state", string(f.State)},
	} {
		if is.value != "" {
			c.add(is.column + " = " + c.arg(is.value))
		}
	}
	if f.Unresolved {
		c.add("state <> 'resolved'")
	}
	if page.After != "" {
		c.add("anomaly_id < " + c.arg(string(page.After)))
	}
	query := c.query("SELECT "+anomalyColumns+" FROM credence.api_key_anomalies", "anomaly_id DESC", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanAnomaly)
	if err != nil {
		return nil, "", fmt.Errorf("anomalies: %w", err)
	}
	found, next := cutPage(found, page, func(a *store.Anomaly) store.Cursor { return store.Cursor(a.ID) })
	return found, next, nil
}

// ActedAnomalies implements [store.AnomalyReader].
func (r reader) ActedAnomalies(ctx context.Context, since time.Time, limit int) ([]store.Anomaly, error) {
	found, err := listRows(ctx, r.q, "SELECT "+anomalyColumns+` FROM credence.api_key_anomalies
		WHERE acted_at >= $1 ORDER BY acted_at DESC LIMIT $2`, []any{timeOrNull(since), limit}, scanAnomaly)
	if err != nil {
		return nil, fmt.Errorf("acted anomalies: %w", err)
	}
	return found, nil
}

// InsertAnomaly implements [store.AnomalyWriter].
func (w *writer) InsertAnomaly(ctx context.Context, a store.Anomaly) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.api_key_anomalies ("+anomalyColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
		a.ID, textOrNull(a.KeyID), a.Type, a.Severity, a.State, a.Namespace, a.Subject, a.Evidence,
		timeOrNull(a.FirstAt), timeOrNull(a.LastAt), timeOrNull(a.CreatedAt), timeOrNull(a.StateAt), a.StateBy, a.Note,
		list(a.Actions), timeOrNull(a.ActedAt), a.Version)
	if err != nil {
		return fmt.Errorf("insert anomaly %q: %w", a.ID, err)
	}
	return nil
}

// UpdateAnomaly implements [store.AnomalyWriter].
func (w *writer) UpdateAnomaly(ctx context.Context, a store.Anomaly) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.api_key_anomalies SET severity = $1, state = $2, details = $3, last_at = $4, state_at = $5, state_by = $6,
			note = $7, actions = $8, acted_at = $9, version = version + 1
		WHERE anomaly_id = $10 AND version = $11`,
		a.Severity, a.State, a.Evidence, timeOrNull(a.LastAt), timeOrNull(a.StateAt), a.StateBy, a.Note,
		list(a.Actions), timeOrNull(a.ActedAt), a.ID, a.Version)
	if err := w.versioned(ctx, changed, err, "SELECT version FROM credence.api_key_anomalies WHERE anomaly_id = $1", a.ID); err != nil {
		return fmt.Errorf("update anomaly %q: %w", a.ID, err)
	}
	return nil
}

// RemoveAnomalies implements [store.AnomalyWriter].
func (w *writer) RemoveAnomalies(ctx context.Context, before time.Time) (int, error) {
	n, err := w.q.exec(ctx,
		`DELETE FROM credence.api_key_anomalies WHERE id IN (SELECT id FROM credence.api_key_anomalies
			WHERE state = 'resolved' AND state_at < $1 ORDER BY id LIMIT $2)`, timeOrNull(before), store.RemoveBatch)
	if err != nil {
		return 0, fmt.Errorf("remove anomalies: %w", err)
	}
	return n, nil
}
