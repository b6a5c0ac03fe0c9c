package client

import "time"

// Token is an admin token: who may use this API, without its text.
type Token struct {
	TokenID    string    `json:"token_id" doc:"Public id of the token"`
	Name       string    `json:"name" doc:"Name for people"`
	Role       string    `json:"role" doc:"viewer, auditor, operator or admin"`
	Namespaces []string  `json:"namespaces" doc:"Namespaces it is limited to; empty for all"`
	Status     string    `json:"status" doc:"active, expired or revoked"`
	ExpiresAt  time.Time `json:"expires_at,omitzero" doc:"When it ends; absent for never"`
	RevokedAt  time.Time `json:"revoked_at,omitzero" doc:"When it was revoked"`
	CreatedBy  string    `json:"created_by" doc:"Who made it, as the audit log names actors"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero" doc:"When it was last used, to a minute or so"`
}

// TokenCreate asks for a new admin token.
type TokenCreate struct {
	Name       string    `json:"name" minLength:"1" maxLength:"128" doc:"Name for people"`
	Role       string    `json:"role" doc:"viewer, auditor, operator or admin; at most the caller's"`
	Namespaces []string  `json:"namespaces,omitempty" maxItems:"100" doc:"Namespaces it is limited to; none for all, which only a caller without limits may say"`
	ExpiresAt  time.Time `json:"expires_at,omitzero" doc:"When it ends"`
	ExpiresIn  string    `json:"expires_in,omitempty" doc:"Or its length as a Go duration, or never; 2160h if unsaid, or as long as the caller may give"`
}

// TokenCreated is a new token and, this once, its text.
type TokenCreated struct {
	Token     Token   `json:"token"`
	TokenText KeyText `json:"token_text,omitempty" doc:"Shown this once; absent when an earlier, equal request made the token"`
	Previous  *Token  `json:"previous,omitempty" doc:"The token that this one takes the place of"`
	Code      string  `json:"code,omitempty" doc:"token_text_not_repeatable when the text is absent; remedy: rotate the token"`
}

// TokenRevoke asks to end a token.
type TokenRevoke struct {
	Force bool `json:"force,omitempty" doc:"Also the last token of an admin without limits"`
}

// TokenRotate asks for a token in the place of another.
type TokenRotate struct {
	Grace     string    `json:"grace,omitempty" doc:"How long the old text still works, as a Go duration; 0s if unsaid"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When the new token ends"`
	ExpiresIn string    `json:"expires_in,omitempty" doc:"Or its length as a Go duration, or never; as long as the old one was made to live if unsaid"`
	Force     bool      `json:"force,omitempty" doc:"Also when the last token of an admin without limits and without an end gets one"`
}

// TokenCreateInput is the request of TokenCreate.
type TokenCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           TokenCreate
}

// TokenListInput is the request of TokenList.
type TokenListInput struct {
	Ended bool `query:"ended" doc:"Also those that are revoked or expired"`
	PageInput
}

// TokenShowInput is the request of TokenShow.
type TokenShowInput struct {
	TokenID string `path:"token_id" doc:"Public id of the token"`
}

// TokenRevokeInput is the request of TokenRevoke.
type TokenRevokeInput struct {
	TokenID string `path:"token_id" doc:"Public id of the token"`
	Body    *TokenRevoke
}

// TokenRotateInput is the request of TokenRotate.
type TokenRotateInput struct {
	TokenID        string `path:"token_id" doc:"Public id of the token"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           *TokenRotate
}
