package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func planCreate(ctx context.Context, c call, in *client.PlanCreateInput) (client.Plan, error) {
	b := &in.Body
	made, err := c.service.PlanCreate(ctx, c.actor, management.PlanCreate{
		Namespace: b.Namespace, Name: b.Name, Description: b.Description,
		Limits: limitInputs(b.Limits), Quotas: quotaInputs(b.Quotas), Idempotency: c.idempotency,
	})
	return wirePlan(made.Plan), err
}

func planList(ctx context.Context, c call, in *client.PlanListInput) (client.List[client.Plan], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Plan]{}, err
	}
	found, err := c.service.PlanList(ctx, c.actor, management.PlanList{Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wirePlan)
}

func planShow(ctx context.Context, c call, in *client.PlanShowInput) (client.Plan, error) {
	p, err := c.service.PlanRead(ctx, c.actor, in.Namespace, in.Name)
	return wirePlan(p), err
}

func planUpdate(ctx context.Context, c call, in *client.PlanUpdateInput) (client.PlanChanged, error) {
	b := &in.Body
	changed, receipt, err := confirmed(ctx, c, in.WaitInput, func(x management.PlanChanged) store.Position { return x.Position },
		func() (management.PlanChanged, error) {
			return c.service.PlanUpdate(ctx, c.actor, management.PlanUpdate{
				Namespace: in.Namespace, Name: in.Name, Version: c.version, Description: patch(b.Description),
				Limits: patchAs(b.Limits, limitInputs), Quotas: patchAs(b.Quotas, quotaInputs),
			})
		})
	return client.PlanChanged{Plan: wirePlan(changed.Plan), Receipt: receipt}, err
}

func planDelete(ctx context.Context, c call, in *client.PlanDeleteInput) error {
	_, err := c.service.PlanDelete(ctx, c.actor, management.PlanDelete{Namespace: in.Namespace, Name: in.Name, Version: c.version})
	return err
}

func wirePlan(p store.Plan) client.Plan {
	return client.Plan{
		Namespace: p.Namespace, Name: p.Name, Description: p.Description,
		Limits: wireLimits(p.Limits), Quotas: wireQuotas(p.Quotas),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: p.Version,
	}
}
