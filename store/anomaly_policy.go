package store

import (
	"context"
	"time"
)

// AnomalyPolicy says what detectors compare with, and what is done about what
// they find. There is one.
type AnomalyPolicy struct {
	// Document is JSON that package management/anomaly understands; "{}" is the
	// policy that was there first: all defaults, and nothing done.
	Document  string
	UpdatedAt time.Time
	Version   int64
}

// AnomalyPolicyReader reads the policy.
type AnomalyPolicyReader interface {
	// AnomalyPolicy MUST answer the policy; there always is one.
	AnomalyPolicy(ctx context.Context) (AnomalyPolicy, error)
}

// AnomalyPolicyWriter changes the policy inside a transaction.
type AnomalyPolicyWriter interface {
	// UpdateAnomalyPolicy MUST keep the version rule of UpdateKey.
	UpdateAnomalyPolicy(ctx context.Context, p AnomalyPolicy) error
}

// UpdateAnomalyPolicy changes the policy. The data plane need not know.
func (tx *Tx) UpdateAnomalyPolicy(ctx context.Context, p AnomalyPolicy) error {
	return tx.changed(tx.w.UpdateAnomalyPolicy(ctx, p), Change{})
}
