package management

import (
	"context"

	"credence/store"
)

// PlanRead reads one plan; namespace "" means "default".
func (s *Service) PlanRead(ctx context.Context, a Actor, namespace, name string) (store.Plan, error) {
	return readPlan(ctx, s.store, a, namespace, name)
}

// plan reads a plan that the actor may see.
func (t *transaction) plan(ctx context.Context, namespace, name string) (store.Plan, error) {
	return readPlan(ctx, t, t.actor, namespace, name)
}

func readPlan(ctx context.Context, r store.PlanReader, a Actor, namespace, name string) (store.Plan, error) {
	namespace = orDefault(namespace, store.DefaultNamespace)
	what := "plan " + quoted(name)
	if !a.May(namespace) {
		return store.Plan{}, notFound(what)
	}
	p, err := r.Plan(ctx, namespace, name)
	if err != nil {
		return store.Plan{}, failed(what, err)
	}
	return p, nil
}
