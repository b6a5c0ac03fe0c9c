package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func ownerCreate(ctx context.Context, c call, in *client.OwnerCreateInput) (client.Owner, error) {
	b := &in.Body
	made, err := c.service.OwnerCreate(ctx, c.actor, management.OwnerCreate{
		Namespace: b.Namespace, Name: b.Name, Description: b.Description, Contact: b.Contact,
		Limits: limitInputs(b.Limits), Quotas: quotaInputs(b.Quotas), Idempotency: c.idempotency,
	})
	return wireOwner(made.Owner), err
}

func ownerList(ctx context.Context, c call, in *client.OwnerListInput) (client.List[client.Owner], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Owner]{}, err
	}
	found, err := c.service.OwnerList(ctx, c.actor, management.OwnerList{Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wireOwner)
}

func ownerShow(ctx context.Context, c call, in *client.OwnerShowInput) (client.Owner, error) {
	o, err := c.service.OwnerRead(ctx, c.actor, in.Namespace, in.Name)
	return wireOwner(o), err
}

func ownerUpdate(ctx context.Context, c call, in *client.OwnerUpdateInput) (client.OwnerChanged, error) {
	b := &in.Body
	changed, receipt, err := confirmed(ctx, c, in.WaitInput, func(x management.OwnerChanged) store.Position { return x.Position },
		func() (management.OwnerChanged, error) {
			return c.service.OwnerUpdate(ctx, c.actor, management.OwnerUpdate{
				Namespace: in.Namespace, Name: in.Name, Version: c.version, Description: patch(b.Description), Contact: patch(b.Contact),
				Limits: patchAs(b.Limits, limitInputs), Quotas: patchAs(b.Quotas, quotaInputs),
			})
		})
	return client.OwnerChanged{Owner: wireOwner(changed.Owner), Receipt: receipt}, err
}

func ownerDelete(ctx context.Context, c call, in *client.OwnerDeleteInput) error {
	_, err := c.service.OwnerDelete(ctx, c.actor, management.OwnerDelete{Namespace: in.Namespace, Name: in.Name, Version: c.version})
	return err
}

func wireOwner(o store.Owner) client.Owner {
	return client.Owner{
		Namespace: o.Namespace, Name: o.Name, Description: o.Description, Contact: o.Contact,
		Limits: wireLimits(o.Limits), Quotas: wireQuotas(o.Quotas),
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, Version: o.Version,
	}
}
