package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func n8nKeyCreate(ctx context.Context, c call, in *client.N8NKeyCreateInput) (client.N8NKeyCreated, error) {
	b := &in.Body
	made, err := c.service.N8NKeyCreate(ctx, c.actor, management.N8NKeyCreate{
		Connection: b.Connection, Name: b.Name, Scopes: b.Scopes, Owner: b.Owner, Description: b.Description,
		ExpiresAt: b.ExpiresAt, ExpiresIn: b.ExpiresIn, RotateEvery: b.RotateEvery, Overlap: b.Overlap, Idempotency: c.idempotency,
	})
	out := wireN8NKeyCreated(made)
	out.Key.Connection = b.Connection
	return out, err
}

func n8nKeyList(ctx context.Context, c call, in *client.N8NKeyListInput) (client.List[client.N8NKey], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.N8NKey]{}, err
	}
	found, err := c.service.N8NKeyList(ctx, c.actor, management.N8NKeyList{
		Namespace: in.Namespace, Connection: in.Connection, Owner: in.Owner, State: in.State, Page: page,
	})
	return list(c, found.Items, found.Next, err, func(t store.OutsideCredential) client.N8NKey {
		out := wireN8NKey(t)
		out.Connection = in.Connection
		return out
	})
}

func n8nKeyShow(ctx context.Context, c call, in *client.N8NKeyInput) (client.N8NKey, error) {
	is, err := c.service.N8NKeyRead(ctx, c.actor, in.ID)
	return wireN8NKey(is), err
}

func n8nKeyVerify(ctx context.Context, c call, in *client.N8NKeyInput) (client.N8NKeyVerified, error) {
	v, err := c.service.N8NKeyVerify(ctx, c.actor, in.ID)
	return client.N8NKeyVerified{Key: wireN8NKey(v.Key), Outcome: string(v.Outcome), Why: v.Why}, err
}

func n8nKeyRotate(ctx context.Context, c call, in *client.N8NKeyRotateInput) (client.N8NKeyCreated, error) {
	rotate := management.N8NKeyRotate{ID: in.ID, Idempotency: c.idempotency}
	if in.Body != nil {
		rotate.Overlap, rotate.InPlace = in.Body.Overlap, in.Body.InPlace
	}
	made, err := c.service.N8NKeyRotate(ctx, c.actor, rotate)
	return wireN8NKeyCreated(made), err
}

func n8nKeyCollect(ctx context.Context, c call, in *client.N8NKeyInput) (client.N8NKeyCreated, error) {
	got, err := c.service.N8NKeyCollect(ctx, c.actor, in.ID)
	return wireN8NKeyCreated(got), err
}

func n8nKeyCompare(ctx context.Context, c call, in *client.N8NKeyCompareInput) (client.N8NKeysCompared, error) {
	found, err := c.service.N8NKeyCompare(ctx, c.actor, in.Body.Connection)
	return client.N8NKeysCompared{Items: mapped(found, wireN8NKey)}, err
}

func n8nKeyAdopt(ctx context.Context, c call, in *client.N8NKeyAdoptInput) (client.N8NKey, error) {
	is, err := c.service.N8NKeyAdopt(ctx, c.actor, management.N8NKeyAdopt{ID: in.ID, Owner: in.Body.Owner, Description: in.Body.Description})
	return wireN8NKey(is), err
}

func n8nKeyDelete(ctx context.Context, c call, in *client.N8NKeyInput) error {
	return c.service.N8NKeyDelete(ctx, c.actor, in.ID)
}

func wireN8NKeyCreated(made management.N8NKeyCreated) client.N8NKeyCreated {
	out := client.N8NKeyCreated{Key: wireN8NKey(made.Key), Secret: client.KeyText(made.Secret.Reveal())}
	if made.Replayed {
		out.Code = codeSecretNotRepeatable
	}
	return out
}

func wireN8NKey(t store.OutsideCredential) client.N8NKey {
	out := client.N8NKey{
		ID: t.ID, ConnectionID: t.ConnectionID, Namespace: t.Namespace, N8NKeyID: t.RemoteID, Label: t.Name,
		Login: t.Login, UserID: t.UserID, Scopes: words(t.Scopes), ServerScopes: t.Seen.ServerScopes, LastFour: t.Ending, Owner: t.Owner, Description: t.Description,
		State: string(t.State), StateAt: t.StateAt, ExpiresAt: t.ExpiresAt, Overlap: period(t.Overlap), Predecessor: t.Predecessor,
		Successor: t.Successor, SecretWaits: len(t.Secret) > 0 && t.CollectedAt.IsZero(), LastUsedAt: t.Seen.LastUsedAt,
		VerifiedAt: t.Seen.VerifiedAt, Outcome: t.Seen.Outcome,
		CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Version: t.Version,
	}
	if t.RotateEvery > 0 {
		out.RotateEvery = period(t.RotateEvery)
	}
	return out
}
