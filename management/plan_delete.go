package management

import (
	"context"

	"credence/store"
)

// PlanDelete is the input of [Service.PlanDelete].
type PlanDelete struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // 0: whatever it is now
}

// PlanDelete removes a plan that no key names.
func (s *Service) PlanDelete(ctx context.Context, a Actor, in PlanDelete) (store.Position, error) {
	what := "plan " + quoted(in.Name)
	_, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Plan, error) {
		p, err := t.plan(ctx, in.Namespace, in.Name)
		if err != nil {
			return store.Plan{}, err
		}
		if err := checkVersion(what, in.Version, p.Version); err != nil {
			return store.Plan{}, err
		}
		users := store.KeyFilter{Namespaces: []string{p.Namespace}, Plan: p.Name}
		if err := t.unused(ctx, what, users, "give it another plan: `credence keys update KEY_ID --plan NAME`"); err != nil {
			return store.Plan{}, err
		}
		if err := t.DeletePlan(ctx, p.Namespace, p.Name, p.Version); err != nil {
			return store.Plan{}, err
		}
		t.recordPlan("plan.delete", &p, details{Before: planFacts(&p)})
		return p, nil
	})
	return position, err
}
