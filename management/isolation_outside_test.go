package management_test

import (
	"context"

	"credence/management"
	"credence/store"
	"credence/test/fakegitea"
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
		return nil, w.ConnectionDelete(ctx, globalFor(ns), management.ConnectionDelete{Kind: store.ConnectionGitea, Name: ns, Force: true})
	}},
	"ConnectionCheck": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ConnectionCheck(ctx, globalFor(ns), store.ConnectionGitea, ns)
	}},
	"InventoryList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.InventoryList(ctx, onlyA, management.InventoryList{Namespace: ns})
	}},
	"N8NKeyCreate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		over := w.flowsOf(ns)
		return w.N8NKeyCreate(ctx, onlyA, management.N8NKeyCreate{Connection: over, Name: "new", Scopes: []string{"tag:list"}})
	}},
	"N8NKeyList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.N8NKeyList(ctx, onlyA, management.N8NKeyList{Namespace: ns})
	}},
	"N8NKeyRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		return w.N8NKeyRead(ctx, onlyA, id)
	}},
	"N8NKeyVerify": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		return w.N8NKeyVerify(ctx, onlyA, id)
	}},
	"N8NKeyRotate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		return w.N8NKeyRotate(ctx, onlyA, management.N8NKeyRotate{ID: id})
	}},
	"N8NKeyCollect": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		return w.N8NKeyCollect(ctx, onlyA, id)
	}},
	"N8NKeyCompare": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.N8NKeyCompare(ctx, onlyA, w.flowsOf(ns))
	}},
	"N8NKeyAdopt": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		if is, err := w.store.OutsideCredential(ctx, store.SystemN8N, id); err == nil && ns == "a" {
			is.State = store.OutsideWidened
			w.change(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOutsideCredential(ctx, is) })
		}
		return w.N8NKeyAdopt(ctx, onlyA, management.N8NKeyAdopt{ID: id})
	}},
	"N8NKeyDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.n8nKeyOf(ctx, ns)
		return nil, w.N8NKeyDelete(ctx, onlyA, id)
	}},
	"GiteaTokenCreate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenCreate(ctx, onlyA, management.GiteaTokenCreate{Connection: w.forgeOf(ns), Login: "alice", Name: "new", Scopes: []string{"read:user"}})
	}},
	"GiteaTokenList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenList(ctx, onlyA, management.GiteaTokenList{Namespace: ns})
	}},
	"GiteaTokenRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenRead(ctx, onlyA, w.tokenOf(ctx, ns))
	}},
	"GiteaTokenVerify": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenVerify(ctx, onlyA, w.tokenOf(ctx, ns))
	}},
	"GiteaTokenRotate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenRotate(ctx, onlyA, management.GiteaTokenRotate{ID: w.tokenOf(ctx, ns)})
	}},
	"GiteaTokenCollect": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.tokenOf(ctx, ns)
		return w.GiteaTokenCollect(ctx, onlyA, id)
	}},
	"GiteaTokenCompare": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.GiteaTokenCompare(ctx, onlyA, management.GiteaTokenCompare{Connection: w.forgeOf(ns)})
	}},
	"GiteaTokenAdopt": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		id := w.tokenOf(ctx, ns)
		if is, err := w.store.OutsideCredential(ctx, store.SystemGitea, id); err == nil && ns == "a" {
			is.State = store.OutsideWidened
			w.change(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOutsideCredential(ctx, is) })
		}
		return w.GiteaTokenAdopt(ctx, onlyA, management.GiteaTokenAdopt{ID: id})
	}},
	"GiteaTokenDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.GiteaTokenDelete(ctx, onlyA, w.tokenOf(ctx, ns))
	}},
}

// forgeOf is a connection of the namespace. That of a leads to a server that
// answers; the others are not called.
func (w *tenants) forgeOf(namespace string) string {
	if namespace != "a" {
		return namespace
	}
	server := fakegitea.New(w.t, "1.27.3")
	server.AddUser(fakegitea.User{Login: "alice"})
	w.Service = w.with(func(o *management.Options) { o.Outgoing = fakegitea.Reach() })
	// Where the store is gone the attempt itself says so.
	_, _ = w.ConnectionCreate(w.t.Context(), global, connectionTo(server.URL, "answers", namespace))
	return "answers"
}

// tokenOf is a token of the namespace whose secret waits to be collected.
func (w *tenants) tokenOf(ctx context.Context, namespace string) string {
	if namespace != "a" {
		return "gtk_" + namespace
	}
	made, err := w.GiteaTokenCreate(ctx, onlyA, management.GiteaTokenCreate{Connection: w.forgeOf("a"), Login: "alice", Name: "mine", Scopes: []string{"read:user"}}) //nolint:contextcheck // not the attempt's, in which the store is gone
	if err != nil {
		return "gtk_a"
	}
	w.waiting(made.Token) //nolint:contextcheck // not the attempt's, in which the store is gone
	return made.Token.ID
}
