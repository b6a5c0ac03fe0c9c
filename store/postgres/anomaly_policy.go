package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

// AnomalyPolicy implements [store.AnomalyPolicyReader].
func (r reader) AnomalyPolicy(ctx context.Context) (store.AnomalyPolicy, error) {
	var p store.AnomalyPolicy
	err := r.q.value(ctx, "SELECT document::text, updated_at, version FROM credence.anomaly_policies WHERE only_row", nil,
		&p.Document, instant{&p.UpdatedAt}, &p.Version)
	if err != nil {
		return store.AnomalyPolicy{}, fmt.Errorf("anomaly policy: %w", err)
	}
	return p, nil
}

// UpdateAnomalyPolicy implements [store.AnomalyPolicyWriter].
func (w *writer) UpdateAnomalyPolicy(ctx context.Context, p store.AnomalyPolicy) error {
	changed, err := w.q.exec(ctx,
		"UPDATE credence.anomaly_policies SET document = $1::json, updated_at = $2, version = version + 1 WHERE only_row AND version = $3",
		p.Document, timeOrNull(p.UpdatedAt), p.Version)
	if err := w.versioned(ctx, changed, err, "SELECT version FROM credence.anomaly_policies WHERE only_row = $1", true); err != nil {
		return fmt.Errorf("update anomaly policy: %w", err)
	}
	return nil
}
