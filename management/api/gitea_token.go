package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func giteaTokenCreate(ctx context.Context, c call, in *client.GiteaTokenCreateInput) (client.GiteaTokenCreated, error) {
	b := &in.Body
	made, err := c.service.GiteaTokenCreate(ctx, c.actor, management.GiteaTokenCreate{
		Connection: b.Connection, Login: b.Login, Name: b.Name, Scopes: b.Scopes, Owner: b.Owner, Description: b.Description,
		ExpiresAt: b.ExpiresAt, ExpiresIn: b.ExpiresIn, RotateEvery: b.RotateEvery, Overlap: b.Overlap, Idempotency: c.idempotency,
	})
	out := wireGiteaTokenCreated(made)
	out.Token.Connection = b.Connection
	return out, err
}

func giteaTokenList(ctx context.Context, c call, in *client.GiteaTokenListInput) (client.List[client.GiteaToken], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.GiteaToken]{}, err
	}
	found, err := c.service.GiteaTokenList(ctx, c.actor, management.GiteaTokenList{
		Namespace: in.Namespace, Connection: in.Connection, Login: in.Login, Owner: in.Owner, State: in.State, Page: page,
	})
	return list(c, found.Items, found.Next, err, func(t store.OutsideCredential) client.GiteaToken {
		out := wireGiteaToken(t)
		out.Connection = in.Connection
		return out
	})
}

func giteaTokenShow(ctx context.Context, c call, in *client.GiteaTokenInput) (client.GiteaToken, error) {
	is, err := c.service.GiteaTokenRead(ctx, c.actor, in.TokenID)
	return wireGiteaToken(is), err
}

func giteaTokenVerify(ctx context.Context, c call, in *client.GiteaTokenInput) (client.GiteaTokenVerified, error) {
	v, err := c.service.GiteaTokenVerify(ctx, c.actor, in.TokenID)
	return client.GiteaTokenVerified{Token: wireGiteaToken(v.Token), Outcome: string(v.Outcome), Why: v.Why}, err
}

func giteaTokenRotate(ctx context.Context, c call, in *client.GiteaTokenRotateInput) (client.GiteaTokenCreated, error) {
	rotate := management.GiteaTokenRotate{ID: in.TokenID, Idempotency: c.idempotency}
	if in.Body != nil {
		rotate.Overlap = in.Body.Overlap
	}
	made, err := c.service.GiteaTokenRotate(ctx, c.actor, rotate)
	return wireGiteaTokenCreated(made), err
}

func giteaTokenCollect(ctx context.Context, c call, in *client.GiteaTokenInput) (client.GiteaTokenCreated, error) {
	got, err := c.service.GiteaTokenCollect(ctx, c.actor, in.TokenID)
	return wireGiteaTokenCreated(got), err
}

func giteaTokenCompare(ctx context.Context, c call, in *client.GiteaTokenCompareInput) (client.GiteaTokensCompared, error) {
	out, err := c.service.GiteaTokenCompare(ctx, c.actor, management.GiteaTokenCompare{Connection: in.Body.Connection, After: in.Body.After})
	return client.GiteaTokensCompared{Users: out.Users, Items: mapped(out.Tokens, wireGiteaToken), Next: out.Next}, err
}

func giteaTokenAdopt(ctx context.Context, c call, in *client.GiteaTokenAdoptInput) (client.GiteaToken, error) {
	is, err := c.service.GiteaTokenAdopt(ctx, c.actor, management.GiteaTokenAdopt{ID: in.TokenID, Owner: in.Body.Owner, Description: in.Body.Description})
	return wireGiteaToken(is), err
}

func giteaTokenDelete(ctx context.Context, c call, in *client.GiteaTokenInput) error {
	return c.service.GiteaTokenDelete(ctx, c.actor, in.TokenID)
}

func wireGiteaTokenCreated(made management.GiteaTokenCreated) client.GiteaTokenCreated {
	out := client.GiteaTokenCreated{Token: wireGiteaToken(made.Token), Secret: client.KeyText(made.Secret.Reveal())}
	if made.Replayed {
		out.Code = codeSecretNotRepeatable
	}
	return out
}

func wireGiteaToken(t store.OutsideCredential) client.GiteaToken {
	id, user, _ := t.Numbers() // 0 for none
	out := client.GiteaToken{
		TokenID: t.ID, ConnectionID: t.ConnectionID, Namespace: t.Namespace, GiteaTokenID: id, TokenName: t.Name,
		Login: t.Login, UserID: user, Scopes: words(t.Scopes), ServerScopes: t.Seen.ServerScopes, LastEight: t.Ending, Owner: t.Owner, Description: t.Description,
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
