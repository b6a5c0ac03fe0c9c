package api

import (
	"context"
	"net/http"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// codeTokenTextNotRepeatable marks the answer to a repeated create.
const codeTokenTextNotRepeatable = "token_text_not_repeatable"

func tokenOperations() []Operation {
	created := []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused}
	return []Operation{
		handle(Operation{
			ID: "TokenCreate", Method: http.MethodPost, Path: "/v1/tokens", Summary: "Make an admin token and show its text, once",
			Role: store.RoleAdmin, Status: http.StatusCreated, Creates: true, Codes: created,
		}, tokenCreate),
		handle(Operation{
			ID: "TokenList", Method: http.MethodGet, Path: "/v1/tokens", Summary: "List admin tokens, oldest first",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeInvalidInput},
		}, tokenList),
		handle(Operation{
			ID: "TokenShow", Method: http.MethodGet, Path: "/v1/tokens/{token_id}", Summary: "Show an admin token",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeNotFound},
		}, tokenShow),
		handle(Operation{
			ID: "TokenRevoke", Method: http.MethodPost, Path: "/v1/tokens/{token_id}/revoke", Summary: "Revoke an admin token for good",
			Role: store.RoleAdmin, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, tokenRevoke),
		handle(Operation{
			ID: "TokenRotate", Method: http.MethodPost, Path: "/v1/tokens/{token_id}/rotate", Summary: "Make an admin token in the place of another, which ends after a grace",
			Role: store.RoleAdmin, Status: http.StatusCreated, Creates: true, Codes: append(created, management.CodeNotFound),
		}, tokenRotate),
	}
}

func tokenCreate(ctx context.Context, c call, in *client.TokenCreateInput) (client.TokenCreated, error) {
	b := &in.Body
	made, err := c.service.TokenCreate(ctx, c.actor, management.TokenCreate{
		Name: b.Name, Role: b.Role, Namespaces: b.Namespaces, ExpiresAt: b.ExpiresAt, ExpiresIn: b.ExpiresIn, Idempotency: c.idempotency,
	})
	return wireTokenCreated(made, c.now()), err
}

func tokenList(ctx context.Context, c call, in *client.TokenListInput) (client.List[client.Token], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Token]{}, err
	}
	found, err := c.service.TokenList(ctx, c.actor, management.TokenList{Ended: in.Ended, Page: page})
	now := c.now()
	return list(c, found.Items, found.Next, err, func(t store.Token) client.Token { return wireToken(t, now) })
}

func tokenShow(ctx context.Context, c call, in *client.TokenShowInput) (client.Token, error) {
	t, err := c.service.TokenRead(ctx, c.actor, in.TokenID)
	return wireToken(t, c.now()), err
}

func tokenRevoke(ctx context.Context, c call, in *client.TokenRevokeInput) (client.Token, error) {
	t, err := c.service.TokenRevoke(ctx, c.actor, management.TokenRevoke{ID: in.TokenID, Force: in.Body != nil && in.Body.Force})
	return wireToken(t, c.now()), err
}

func tokenRotate(ctx context.Context, c call, in *client.TokenRotateInput) (client.TokenCreated, error) {
	rotate := management.TokenRotate{ID: in.TokenID, Idempotency: c.idempotency}
	if b := in.Body; b != nil {
		rotate.Grace, rotate.ExpiresAt, rotate.ExpiresIn, rotate.Force = b.Grace, b.ExpiresAt, b.ExpiresIn, b.Force
	}
	made, err := c.service.TokenRotate(ctx, c.actor, rotate)
	out := wireTokenCreated(made, c.now())
	if err == nil {
		previous := wireToken(made.Previous, c.now())
		out.Previous = &previous
	}
	return out, err
}

func wireTokenCreated(made management.TokenCreated, now time.Time) client.TokenCreated {
	out := client.TokenCreated{Token: wireToken(made.Token, now)}
	if made.Replayed {
		out.Code = codeTokenTextNotRepeatable
	} else {
		out.TokenText = client.KeyText(made.Text.Reveal())
	}
	return out
}

func wireToken(t store.Token, now time.Time) client.Token {
	status := "active"
	switch {
	case !t.RevokedAt.IsZero():
		status = "revoked"
	case !t.Usable(now):
		status = "expired"
	}
	return client.Token{
		TokenID: t.ID, Name: t.Name, Role: string(t.Role), Namespaces: words(t.Namespaces), Status: status,
		ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, LastUsedAt: t.LastUsedAt,
	}
}
