package api

import (
	"context"

	"credence/management"
	"credence/management/client"
)

func replicaList(ctx context.Context, c call, in *client.ReplicaListInput) (client.ReplicaPage, error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.ReplicaPage{}, err
	}
	found, err := c.service.ReplicaList(ctx, management.ReplicaList{Ended: in.Ended, Page: page})
	items, err := list(c, found.Items, found.Next, err, wireReplica)
	return client.ReplicaPage{List: items, HeadRevision: int64(found.Head)}, err
}

func wireReplica(r management.ReplicaSeen) client.Replica {
	return client.Replica{
		ID: r.ID, Name: r.Name, Address: r.Address, Version: r.Version, State: string(r.State),
		StartedAt: r.StartedAt, SeenAt: r.SeenAt, LastRead: r.LastRead, LeftAt: r.LeftAt, StopsAt: r.StopsAt,
		AppliedRevision: int64(r.Applied.Revision), Lag: int64(r.Lag), Ceiling: period(r.Ceiling),
	}
}
