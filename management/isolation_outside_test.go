package management_test

import (
	"context"

	"credence/management"
	"credence/store"
)

// outsideAttempts are those on what leads outside: webhooks, and connections to
// other programs.
var outsideAttempts = map[string]attempted{
	"WebhookCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookCreate(ctx, onlyA, management.WebhookCreate{Namespace: ns, URL: "https://example.com/", Events: []string{"*"}})
	}},
	"WebhookList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookList(ctx, onlyA, management.WebhookList{Namespace: ns})
	}},
	"WebhookRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookRead(ctx, onlyA, w.told[ns])
	}},
	"WebhookUpdate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookUpdate(ctx, onlyA, management.WebhookUpdate{ID: w.told[ns], Version: 1, Rate: management.Set(3)})
	}},
	"WebhookDisable": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookDisable(ctx, onlyA, management.WebhookDisable{ID: w.told[ns], Reason: "mine"})
	}},
	"WebhookEnable": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookEnable(ctx, onlyA, w.told[ns])
	}},
	"WebhookRotateSecret": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookRotateSecret(ctx, onlyA, management.WebhookRotateSecret{ID: w.told[ns]})
	}},
	"WebhookTry": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookTry(ctx, onlyA, w.told[ns])
	}},
	"WebhookDeliveries": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookDeliveries(ctx, onlyA, management.WebhookDeliveries{WebhookID: w.told[ns]})
	}},
	"WebhookDelivery": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookDelivery(ctx, onlyA, w.told[ns], w.sent[ns])
	}},
	"WebhookRedeliver": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookRedeliver(ctx, onlyA, management.WebhookRedeliver{WebhookID: w.told[ns], DeliveryID: w.sent[ns]})
	}},
	"WebhookReplay": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.WebhookReplay(ctx, onlyA, management.WebhookReplay{WebhookID: w.told[ns], Since: start})
	}},
	"WebhookDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.WebhookDelete(ctx, onlyA, management.WebhookDelete{ID: w.told[ns]})
	}},
	// Connections are made, changed and tried by global actors only.
	"ConnectionCreate": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionCreate(ctx, globalFor(ns), connectionTo("https://git.example.com", "new", ns))
	}},
	"ConnectionList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionList(ctx, onlyA, management.ConnectionList{Kind: store.ConnectionGitea, Namespace: ns})
	}},
	"ConnectionRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionRead(ctx, onlyA, store.ConnectionGitea, ns)
	}},
	"ConnectionUpdate": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionUpdate(ctx, globalFor(ns), management.ConnectionUpdate{Kind: store.ConnectionGitea, Name: ns, Version: 1, Paused: management.Set(true)})
	}},
	"ConnectionDelete": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.ConnectionDelete(ctx, globalFor(ns), management.ConnectionDelete{Kind: store.ConnectionGitea, Name: ns})
	}},
	"ConnectionCheck": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionCheck(ctx, globalFor(ns), store.ConnectionGitea, ns)
	}},
}
