package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"credence/store"
)

const anomalyColumns = `anomaly_id, key_id, anomaly_type, severity, state, namespace, subject, details,
	first_at, last_at, created_at, state_at, state_by, note, actions, acted_at, version`

func scanAnomaly(r row, a *store.Anomaly) error {
	return r.Scan(&a.ID, optionalText{&a.KeyID}, &a.Type, &a.Severity, &a.State, &a.Namespace, &a.Subject, evidence{&a.Evidence},
		instant{&a.FirstAt}, instant{&a.LastAt}, instant{&a.CreatedAt}, instant{&a.StateAt}, &a.StateBy, &a.Note,
		items[store.AnomalyAction]{&a.Actions}, instant{&a.ActedAt}, &a.Version)
}

// Anomaly implements [store.AnomalyReader].
func (r reader) Anomaly(ctx context.Context, id string) (store.Anomaly, error) {
	var a store.Anomaly
	err := scanAnomaly(r.q.QueryRowContext(ctx, "SELECT "+anomalyColumns+" FROM api_key_anomalies WHERE anomaly_id = ?", id), &a)
	if err != nil {
		return store.Anomaly{}, fmt.Errorf("anomaly %q: %w", id, translate(err))
	}
	return a, nil
}

// LatestAnomaly implements [store.AnomalyReader].
func (r reader) LatestAnomaly(ctx context.Context, kind, subject string) (store.Anomaly, error) {
	var a store.Anomaly
	err := scanAnomaly(r.q.QueryRowContext(ctx, "SELECT "+anomalyColumns+` FROM api_key_anomalies
		WHERE anomaly_type = ? AND subject = ? ORDER BY anomaly_id DESC LIMIT 1`, kind, subject), &a)
	if err != nil {
		return store.Anomaly{}, fmt.Errorf("anomaly %s of %q: %w", kind, subject, translate(err))
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
			c.add(is.column+" = ?", is.value)
		}
	}
	if f.Unresolved {
		c.add("state <> 'resolved'")
	}
	if page.After != "" {
		c.add("anomaly_id < ?", string(page.After))
	}
	c.args = append(c.args, page.Size()+1)
	found, err := listRows(ctx, r.q, c.query("SELECT "+anomalyColumns+" FROM api_key_anomalies", " ORDER BY anomaly_id DESC LIMIT ?"), c.args, scanAnomaly)
	if err != nil {
		return nil, "", fmt.Errorf("anomalies: %w", err)
	}
	found, next := cutPage(found, page, func(a *store.Anomaly) store.Cursor { return store.Cursor(a.ID) })
	return found, next, nil
}

// ActedAnomalies implements [store.AnomalyReader].
func (r reader) ActedAnomalies(ctx context.Context, since time.Time, limit int) ([]store.Anomaly, error) {
	found, err := listRows(ctx, r.q, "SELECT "+anomalyColumns+` FROM api_key_anomalies
		WHERE acted_at >= ? ORDER BY acted_at DESC LIMIT ?`, []any{micros(since), limit}, scanAnomaly)
	if err != nil {
		return nil, fmt.Errorf("acted anomalies: %w", err)
	}
	return found, nil
}

// InsertAnomaly implements [store.AnomalyWriter].
func (w *writer) InsertAnomaly(ctx context.Context, a store.Anomaly) error {
	details, err := jsonText(a.Evidence)
	if err != nil {
		return fmt.Errorf("insert anomaly %q: %w", a.ID, err)
	}
	actions, err := list(a.Actions)
	if err != nil {
		return fmt.Errorf("insert anomaly %q: %w", a.ID, err)
	}
	_, err = w.tx.ExecContext(ctx,
		"INSERT INTO api_key_anomalies ("+anomalyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.ID, textOrNull(a.KeyID), a.Type, a.Severity, a.State, a.Namespace, a.Subject, details,
		micros(a.FirstAt), micros(a.LastAt), micros(a.CreatedAt), micros(a.StateAt), a.StateBy, a.Note,
		actions, micros(a.ActedAt), a.Version)
	if err != nil {
		return fmt.Errorf("insert anomaly %q: %w", a.ID, translate(err))
	}
	return nil
}

// UpdateAnomaly implements [store.AnomalyWriter].
func (w *writer) UpdateAnomaly(ctx context.Context, a store.Anomaly) error {
	details, err := jsonText(a.Evidence)
	if err != nil {
		return fmt.Errorf("update anomaly %q: %w", a.ID, err)
	}
	actions, err := list(a.Actions)
	if err != nil {
		return fmt.Errorf("update anomaly %q: %w", a.ID, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE api_key_anomalies SET severity = ?, state = ?, details = ?, last_at = ?, state_at = ?, state_by = ?, note = ?,
			actions = ?, acted_at = ?, version = version + 1
		WHERE anomaly_id = ? AND version = ?`,
		a.Severity, a.State, details, micros(a.LastAt), micros(a.StateAt), a.StateBy, a.Note,
		actions, micros(a.ActedAt), a.ID, a.Version)
	if err != nil {
		return fmt.Errorf("update anomaly %q: %w", a.ID, translate(err))
	}
	if err := w.versioned(ctx, result, "SELECT version FROM api_key_anomalies WHERE anomaly_id = ?", a.ID); err != nil {
		return fmt.Errorf("update anomaly %q: %w", a.ID, err)
	}
	return nil
}

// RemoveAnomalies implements [store.AnomalyWriter].
func (w *writer) RemoveAnomalies(ctx context.Context, before time.Time) (int, error) {
	n, err := removed(w.tx.ExecContext(ctx,
		`DELETE FROM api_key_anomalies WHERE id IN (SELECT id FROM api_key_anomalies
			WHERE state = 'resolved' AND state_at < ? ORDER BY id LIMIT ?)`, micros(before), store.RemoveBatch))
	if err != nil {
		return 0, fmt.Errorf("remove anomalies: %w", err)
	}
	return n, nil
}

// evidence scans the numbers of a finding.
type evidence struct{ to *store.Evidence }

// Scan implements [database/sql.Scanner].
func (c evidence) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return unexpected("evidence", v)
	}
	if err := json.Unmarshal([]byte(s), c.to); err != nil {
		return fmt.Errorf("%w: evidence: %w", store.ErrCorrupt, err)
	}
	return nil
}
