package sqlite

import (
	"context"
	"fmt"

	"credence/store"
)

// AnomalyPolicy implements [store.AnomalyPolicyReader].
func (r reader) AnomalyPolicy(ctx context.Context) (store.AnomalyPolicy, error) {
	var p store.AnomalyPolicy
	err := r.q.QueryRowContext(ctx, "SELECT document, updated_at, version FROM anomaly_policies WHERE only_row = 1").
		Scan(&p.Document, instant{&p.UpdatedAt}, &p.Version)
	if err != nil {
		return store.AnomalyPolicy{}, fmt.Errorf("anomaly policy: %w", translate(err))
	}
	return p, nil
}

// UpdateAnomalyPolicy implements [store.AnomalyPolicyWriter].
func (w *writer) UpdateAnomalyPolicy(ctx context.Context, p store.AnomalyPolicy) error {
	result, err := w.tx.ExecContext(ctx,
		"UPDATE anomaly_policies SET document = ?, updated_at = ?, version = version + 1 WHERE only_row = 1 AND version = ?",
		p.Document, micros(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("update anomaly policy: %w", translate(err))
	}
	if err := w.versioned(ctx, result, "SELECT version FROM anomaly_policies WHERE only_row = ?", 1); err != nil {
		return fmt.Errorf("update anomaly policy: %w", err)
	}
	return nil
}
