package management

import (
	"context"

	"credence/store"
)

// AnomalyChange is what somebody says of a finding.
type AnomalyChange struct {
	ID   string
	Note string // why
}

// AnomalyAcknowledge says that somebody looks after a finding.
func (s *Service) AnomalyAcknowledge(ctx context.Context, a Actor, in AnomalyChange) (store.Anomaly, error) {
	return s.setAnomaly(ctx, a, in, "anomaly.acknowledge", store.AnomalyAcknowledged)
}

// AnomalyResolve ends a finding. When it goes on, there is a new one.
func (s *Service) AnomalyResolve(ctx context.Context, a Actor, in AnomalyChange) (store.Anomaly, error) {
	return s.setAnomaly(ctx, a, in, "anomaly.resolve", store.AnomalyResolved)
}

// setAnomaly is both. What is resolved stays so, and to say again what was said
// changes nothing.
func (s *Service) setAnomaly(ctx context.Context, a Actor, in AnomalyChange, action string, to store.AnomalyState) (store.Anomaly, error) {
	what := "anomaly " + quoted(in.ID)
	p := &problems{}
	note := p.text("note", in.Note, 0, maxReason)
	if err := p.err(what); err != nil {
		return store.Anomaly{}, err
	}
	changed, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Anomaly, error) {
		found, err := readAnomaly(ctx, t, a, in.ID)
		if err != nil || found.State == to || found.State == store.AnomalyResolved {
			return found, err
		}
		was := found.State
		found.State, found.StateAt, found.StateBy, found.Note = to, t.Now(), a.ID, note
		if err := t.UpdateAnomaly(ctx, found); err != nil {
			return found, err
		}
		found.Version++
		t.recordAnomaly(action, &found, details{
			Before: facts{"state": was}, After: facts{"state": to, "note": note},
		})
		return found, nil
	})
	return changed, err
}
