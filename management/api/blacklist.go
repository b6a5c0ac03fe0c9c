package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func blacklistAdd(ctx context.Context, c call, in *client.BlacklistAddInput) (client.BlacklistAdded, error) {
	b := &in.Body
	added, receipt, err := confirmed(ctx, c, in.WaitInput, func(r management.BlacklistAdded) store.Position { return r.Position },
		func() (management.BlacklistAdded, error) {
			return c.service.BlacklistAdd(ctx, c.actor, management.BlacklistAdd{
				Namespace: b.Namespace, Network: b.Network, Reason: b.Reason, Source: b.Source,
				EndsAt: b.EndsAt, For: b.For, Force: b.Force, Idempotency: c.idempotency,
			})
		})
	return client.BlacklistAdded{
		BlacklistRule: wireRule(added.Rule), Overlaps: mapped(added.Overlaps, wireOverlap), Overlap: added.Overlap, Receipt: receipt,
	}, err
}

func blacklistList(ctx context.Context, c call, in *client.BlacklistListInput) (client.List[client.BlacklistRule], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.BlacklistRule]{}, err
	}
	found, err := c.service.BlacklistList(ctx, c.actor, management.BlacklistList{Namespace: in.Namespace, Global: in.Global, Page: page})
	return list(c, found.Items, found.Next, err, wireRule)
}

func blacklistShow(ctx context.Context, c call, in *client.BlacklistShowInput) (client.BlacklistRule, error) {
	r, err := c.service.BlacklistRead(ctx, c.actor, in.ID)
	return wireRule(r), err
}

func blacklistRemove(ctx context.Context, c call, in *client.BlacklistRemoveInput) (*client.BlacklistRemoved, error) {
	_, receipt, err := confirmed(ctx, c, in.WaitInput, func(at store.Position) store.Position { return at },
		func() (store.Position, error) { return c.service.BlacklistRemove(ctx, c.actor, in.ID) })
	if receipt == nil {
		return nil, err
	}
	return &client.BlacklistRemoved{Receipt: receipt}, err
}

func wireRule(r store.BlacklistRule) client.BlacklistRule {
	return client.BlacklistRule{
		ID: r.ID, Namespace: r.Namespace, Network: r.Network.String(), Reason: r.Reason, Source: r.Source,
		EndsAt: r.EndsAt, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt,
	}
}
