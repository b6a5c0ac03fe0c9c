package api

import (
	"context"
	"net/http"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func inventoryOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "InventoryList", Method: http.MethodGet, Path: "/v1/inventory", Summary: "List the credentials of all systems, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, inventoryList),
	}
}

func inventoryList(ctx context.Context, c call, in *client.InventoryListInput) (client.List[client.InventoryItem], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.InventoryItem]{}, err
	}
	found, err := c.service.InventoryList(ctx, c.actor, management.InventoryList{
		System: in.System, Namespace: in.Namespace, Owner: in.Owner, State: in.State, ExpiresBy: in.ExpiresBefore,
		UnverifiedSince: in.UnverifiedSince, Page: page,
	})
	return list(c, found.Items, found.Next, err, func(i store.InventoryItem) client.InventoryItem {
		return client.InventoryItem{
			System: string(i.System), ID: i.ID, Name: i.Name, Namespace: i.Namespace, Connection: i.Connection, Login: i.Login, Owner: i.Owner,
			Scopes: words(i.Scopes), State: i.State, Expired: !i.ExpiresAt.IsZero() && !found.Now.Before(i.ExpiresAt),
			CreatedAt: i.CreatedAt, AgeDays: int(max(0, found.Now.Sub(i.CreatedAt)) / (24 * time.Hour)), LastUsedAt: i.LastUsedAt,
			VerifiedAt: i.VerifiedAt, Outcome: i.Outcome, ExpiresAt: i.ExpiresAt,
		}
	})
}
