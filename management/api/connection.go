package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

func (k kindOfConnection) create(ctx context.Context, c call, in *client.ConnectionCreateInput) (client.Connection, error) {
	b := &in.Body
	made, err := c.service.ConnectionCreate(ctx, c.actor, management.ConnectionCreate{
		Kind: k.kind, Name: b.Name, Namespace: b.Namespace, Description: b.Description, URL: b.URL, Account: b.Account,
		Credential: credential.NewText(b.Credential.Reveal()), CA: b.CA, ServerName: b.ServerName, Logins: b.Logins, Scopes: b.Scopes,
		Settings: b.Settings, Idempotency: c.idempotency,
	})
	return wireConnection(made.Connection), err
}

func (k kindOfConnection) list(ctx context.Context, c call, in *client.ConnectionListInput) (client.List[client.Connection], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Connection]{}, err
	}
	found, err := c.service.ConnectionList(ctx, c.actor, management.ConnectionList{Kind: k.kind, Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wireConnection)
}

func (k kindOfConnection) show(ctx context.Context, c call, in *client.ConnectionInput) (client.Connection, error) {
	is, err := c.service.ConnectionRead(ctx, c.actor, k.kind, in.Name)
	return wireConnection(is), err
}

func (k kindOfConnection) update(ctx context.Context, c call, in *client.ConnectionUpdateInput) (client.Connection, error) {
	b := &in.Body
	changed, err := c.service.ConnectionUpdate(ctx, c.actor, management.ConnectionUpdate{
		Kind: k.kind, Name: in.Name, Version: c.version, Description: patch(b.Description), URL: patch(b.URL), Account: patch(b.Account),
		Credential: patchAs(b.Credential, func(t client.KeyText) credential.Text { return credential.NewText(t.Reveal()) }),
		CA:         patch(b.CA), ServerName: patch(b.ServerName), Logins: patch(b.Logins), Scopes: patch(b.Scopes),
		Settings: patch(b.Settings), Paused: patch(b.Paused),
	})
	return wireConnection(changed.Connection), err
}

func (k kindOfConnection) remove(ctx context.Context, c call, in *client.ConnectionDeleteInput) error {
	return c.service.ConnectionDelete(ctx, c.actor, management.ConnectionDelete{Kind: k.kind, Name: in.Name, Force: in.Force, Version: c.version})
}

func (k kindOfConnection) check(ctx context.Context, c call, in *client.ConnectionInput) (client.ConnectionChecked, error) {
	checked, err := c.service.ConnectionCheck(ctx, c.actor, k.kind, in.Name)
	return wireChecked(&checked), err
}

func wireConnection(c store.Connection) client.Connection {
	return client.Connection{
		Kind: string(c.Kind), Name: c.Name, Namespace: c.Namespace, Description: c.Description, URL: c.URL, Account: c.Account,
		CA: c.CA, ServerName: c.ServerName, Logins: words(c.Logins), Scopes: words(c.Scopes), Settings: c.Settings,
		State: string(c.State), StateReason: string(c.StateReason), StateAt: c.StateAt,
		ServerVersion: c.Seen.ServerVersion, CheckedAt: c.Seen.At,
		CreatedBy: c.CreatedBy, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Version: c.Version,
	}
}

func wireChecked(c *management.ConnectionChecked) client.ConnectionChecked {
	out := client.ConnectionChecked{
		Connection: wireConnection(c.Connection), Fine: c.Fine(), ServerVersion: c.Report.ServerVersion, Account: c.Report.Account,
		Rights: words(c.Report.Rights), Missing: mapped(c.Report.Missing, wireMissing), Warnings: mapped(c.Report.Warnings, wireMissing),
	}
	if p := c.Problem; p != nil {
		out.Problem = &client.ConnectionProblem{Kind: string(p.Kind), Status: p.Status, Message: p.Message, Remedy: p.Kind.Remedy()}
	}
	return out
}

func wireMissing(m remote.Missing) client.ConnectionMissing {
	return client.ConnectionMissing{What: m.What, Remedy: m.Remedy}
}
