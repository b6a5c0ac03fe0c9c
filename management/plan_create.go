package management

import (
	"context"

	"credence/store"
)

// PlanCreate is the input of [Service.PlanCreate].
type PlanCreate struct {
	Namespace   string // must exist; default "default"
	Name        string // the id within the namespace
	Description string // at most 1024 characters
	Limits      []LimitInput
	Quotas      []QuotaInput

	Idempotency Idempotency
}

// PlanCreated is the answer of [Service.PlanCreate].
type PlanCreated struct {
	Plan     store.Plan
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// PlanCreate makes a plan: a named set of limits that many keys share.
func (s *Service) PlanCreate(ctx context.Context, a Actor, in PlanCreate) (PlanCreated, error) {
	in.Namespace = orDefault(in.Namespace, store.DefaultNamespace)
	what := "plan " + quoted(in.Name)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (PlanCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return PlanCreated{}, err
		case id != "":
			p, err := t.plan(ctx, in.Namespace, id)
			return PlanCreated{Plan: p, Replayed: true}, err
		}
		p, err := t.newPlan(ctx, &in)
		if err != nil {
			return PlanCreated{}, err
		}
		if err := t.InsertPlan(ctx, p); err != nil {
			return PlanCreated{}, err
		}
		t.recordPlan("plan.create", &p, details{After: planFacts(&p)})
		return PlanCreated{Plan: p}, t.remember(ctx, in.Idempotency, p.Name)
	})
	if err != nil {
		return PlanCreated{}, err
	}
	out.Position = position
	return out, nil
}

// newPlan checks the input and answers the plan it describes.
func (t *transaction) newPlan(ctx context.Context, in *PlanCreate) (store.Plan, error) {
	p := &problems{now: t.Now()}
	if _, err := t.home(ctx, p, in.Namespace); err != nil {
		return store.Plan{}, err
	}
	plan := store.Plan{
		Namespace: in.Namespace, Name: p.slug(in.Name), Description: p.description(in.Description),
		Limits: p.limits(in.Limits), Quotas: p.quotas(in.Quotas),
		CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	p.budgets(plan.Limits, plan.Quotas)
	p.idempotencyKey(in.Idempotency)
	return plan, p.err("plan " + quoted(in.Name))
}
