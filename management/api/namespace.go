package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func namespaceCreate(ctx context.Context, c call, in *client.NamespaceCreateInput) (client.Namespace, error) {
	b := &in.Body
	made, err := c.service.NamespaceCreate(ctx, c.actor, management.NamespaceCreate{
		Name: b.Name, Description: b.Description, KeyPrefix: b.KeyPrefix, Environment: b.Environment, Idempotency: c.idempotency,
	})
	return wireNamespace(made.Namespace), err
}

func namespaceList(ctx context.Context, c call, in *client.NamespaceListInput) (client.List[client.Namespace], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Namespace]{}, err
	}
	found, err := c.service.NamespaceList(ctx, c.actor, management.NamespaceList{Page: page})
	return list(c, found.Items, found.Next, err, wireNamespace)
}

func namespaceShow(ctx context.Context, c call, in *client.NamespaceShowInput) (client.Namespace, error) {
	n, err := c.service.NamespaceRead(ctx, c.actor, in.Name)
	return wireNamespace(n), err
}

func namespaceUpdate(ctx context.Context, c call, in *client.NamespaceUpdateInput) (client.Namespace, error) {
	b := &in.Body
	changed, err := c.service.NamespaceUpdate(ctx, c.actor, management.NamespaceUpdate{
		Name: in.Name, Version: c.version,
		Description: patch(b.Description), KeyPrefix: patch(b.KeyPrefix), Environment: patch(b.Environment),
	})
	return wireNamespace(changed.Namespace), err
}

func namespaceDelete(ctx context.Context, c call, in *client.NamespaceDeleteInput) error {
	_, err := c.service.NamespaceDelete(ctx, c.actor, management.NamespaceDelete{Name: in.Name, Version: c.version})
	return err
}

func wireNamespace(n store.Namespace) client.Namespace {
	return client.Namespace{
		Name: n.Name, Description: n.Description, KeyPrefix: n.KeyPrefix, Environment: n.Environment,
		CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, Version: n.Version,
	}
}
