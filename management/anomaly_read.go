package management

import (
	"context"

	"credence/store"
)

// AnomalyRead answers a finding.
func (s *Service) AnomalyRead(ctx context.Context, a Actor, id string) (store.Anomaly, error) {
	return readAnomaly(ctx, s.store, a, id)
}

func readAnomaly(ctx context.Context, from store.AnomalyReader, a Actor, id string) (store.Anomaly, error) {
	what := "anomaly " + quoted(id)
	found, err := from.Anomaly(ctx, id)
	if err != nil {
		return store.Anomaly{}, failed(what, err)
	}
	if !a.May(found.Namespace) {
		return store.Anomaly{}, notFound(what)
	}
	return found, nil
}
