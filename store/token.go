package store

import (
	"context"
	"time"

	"credence/store/credential"
)

// Role is what an admin token may do.
type Role string

// The roles, from least to most.
const (
	RoleViewer   Role = "viewer"
	RoleAuditor  Role = "auditor"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Token is an admin token: who may use the management API. Its text
// ("crdadm_...") is shown once and never stored.
type Token struct {
	ID         string // "tok_" + time-ordered id
	Name       string
	Role       Role
	Namespaces []string // empty: global
	Hash       credential.Digest
	ExpiresAt  time.Time // zero: never
	RevokedAt  time.Time // zero: not revoked
	CreatedAt  time.Time
}

// Usable reports whether the token may be used at now.
func (t *Token) Usable(now time.Time) bool {
	return t.RevokedAt.IsZero() && (t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt))
}

// TokenReader reads admin tokens.
type TokenReader interface {
	// TokenByHash MUST answer ErrNotFound when no token has the hash.
	TokenByHash(ctx context.Context, hash credential.Digest) (Token, error)
	// Tokens MUST answer pages ordered by id.
	Tokens(ctx context.Context, page Page) ([]Token, Cursor, error)
}

// TokenWriter changes admin tokens inside a transaction.
type TokenWriter interface {
	// InsertToken MUST answer ErrConflict when id or hash exists.
	InsertToken(ctx context.Context, t Token) error
	// RevokeToken MUST set RevokedAt, once; ErrNotFound when there is none.
	RevokeToken(ctx context.Context, id string, at time.Time) error
}
