package anomaly

import (
	"sync/atomic"

	"credence/store"
)

// Plans answers plans of stored policies. It remembers the last one, for the
// same policy is asked for with every finding, inside the transaction that
// writes it down. The zero Plans is ready, and safe for concurrent use.
type Plans struct{ last atomic.Pointer[planned] }

type planned struct {
	of   store.AnomalyPolicy
	plan *Plan
	err  error
}

// Of is as PlanOf. The plan is shared: nobody changes it.
func (p *Plans) Of(stored store.AnomalyPolicy) (*Plan, error) {
	// After a backup was brought back another document can have the version.
	if last := p.last.Load(); last != nil && last.of.Version == stored.Version && last.of.Document == stored.Document {
		return last.plan, last.err
	}
	plan, err := PlanOf(stored)
	p.last.Store(&planned{of: stored, plan: &plan, err: err})
	return &plan, err
}
