package management

import (
	"context"
	"errors"

	"credence/store"
)

// PlanUpdate is the input of [Service.PlanUpdate].
type PlanUpdate struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // that the change is based on; required

	Description Patch[string]
	Limits      Patch[[]LimitInput]
	Quotas      Patch[[]QuotaInput]
}

// PlanChanged is the answer of [Service.PlanUpdate].
type PlanChanged struct {
	Plan     store.Plan
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// PlanUpdate changes a plan. The name never changes.
func (s *Service) PlanUpdate(ctx context.Context, a Actor, in PlanUpdate) (PlanChanged, error) {
	what := "plan " + quoted(in.Name)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (PlanChanged, error) {
		before, err := t.plan(ctx, in.Namespace, in.Name)
		if err != nil {
			return PlanChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return PlanChanged{}, err
		}
		after, err := in.patched(before)
		if err != nil {
			return PlanChanged{}, err
		}
		d := changedFacts(planFacts(&before), planFacts(&after))
		if d.none() {
			return PlanChanged{Plan: before}, nil
		}
		after.UpdatedAt = t.Now()
		if err := t.UpdatePlan(ctx, after); err != nil {
			return PlanChanged{}, err
		}
		after.Version++
		t.recordPlan("plan.update", &after, d)
		return PlanChanged{Plan: after, Changed: true}, nil
	})
	if err != nil {
		return PlanChanged{}, err
	}
	out.Position = position
	return out, nil
}

// patched answers the plan with the patch applied, all of it checked.
func (in *PlanUpdate) patched(after store.Plan) (store.Plan, error) {
	p := &problems{}
	patch(&after.Description, in.Description, p.description)
	patch(&after.Limits, in.Limits, p.limits)
	patch(&after.Quotas, in.Quotas, p.quotas)
	p.budgets(after.Limits, after.Quotas)
	return after, p.err("plan " + quoted(in.Name))
}
