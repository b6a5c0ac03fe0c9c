package management

import (
	"context"
	"log/slog"

	"credence/store"
)

// anomalyActor finds what is found, and does what a policy says about it.
func anomalyActor() Actor { return Actor{ID: "job:anomalies", Role: store.RoleAdmin} }

// AnomalySee writes down what a detector found; package management/anomaly
// calls it. While a finding lasts it is one, and told once. What the policy
// says is done about it is done with it, or not at all.
func (s *Service) AnomalySee(ctx context.Context, a store.Anomaly) (stored store.Anomaly, fresh bool, err error) {
	what := "anomaly " + a.Type + " of " + quoted(a.Subject)
	stored, _, err = transact(ctx, s, anomalyActor(), what, func(ctx context.Context, t *transaction) (found store.Anomaly, err error) {
		if a.ID, err = store.NewID(store.AnomalyIDPrefix, t.Now(), s.random); err != nil {
			return found, err
		}
		if found, fresh, err = t.SeeAnomaly(ctx, a); err != nil {
			return found, err
		}
		if err := s.act(ctx, t, &found); err != nil || !fresh {
			return found, err
		}
		t.recordAnomaly("anomaly.open", &found, details{After: anomalyFacts(&found)})
		t.warn("anomaly found", slog.String("anomaly", found.ID), slog.String("type", found.Type),
			slog.String("severity", string(found.Severity)), slog.String("subject", found.Subject),
			slog.String("message", found.Evidence.Message))
		return found, nil
	})
	return stored, fresh && err == nil, err
}

// recordAnomaly notes what was done about a finding, and tells of it.
func (t *transaction) recordAnomaly(action string, a *store.Anomaly, d details) {
	t.record(a.Namespace, action, "anomaly:"+a.ID, a.KeyID, d)
	t.anomalyHappened(action, a)
}

func anomalyFacts(a *store.Anomaly) facts {
	return facts{
		"type": a.Type, "severity": a.Severity, "subject": a.Subject, "message": a.Evidence.Message,
		"observed": a.Evidence.Observed, "expected": a.Evidence.Expected,
	}
}
