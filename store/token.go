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

// Roles lists the roles, from least to most.
func Roles() []Role { return []Role{RoleViewer, RoleAuditor, RoleOperator, RoleAdmin} }

// Includes reports whether who has the role may do all that the other one may.
// Auditors read everything and change nothing; of the others, each may do what
// the one before it may.
func (r Role) Includes(other Role) bool {
	switch other {
	case RoleViewer:
		return r == RoleViewer || r == RoleAuditor || r == RoleOperator || r == RoleAdmin
	case RoleAuditor:
		return r == RoleAuditor || r == RoleAdmin
	case RoleOperator:
		return r == RoleOperator || r == RoleAdmin
	case RoleAdmin:
		return r == RoleAdmin
	}
	return false
}

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
	CreatedBy  string    // the actor
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never; to a minute or so
}

// Usable reports whether the token may be used at now.
func (t *Token) Usable(now time.Time) bool {
	return t.RevokedAt.IsZero() && (t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt))
}

// Global reports whether the token is limited to no namespace.
func (t *Token) Global() bool { return len(t.Namespaces) == 0 }

// TokenFilter says which tokens to list. The zero filter lists all.
type TokenFilter struct {
	Within   []string  // only those that are limited, and to some of these namespaces; nil: any, global ones too
	Naming   string    // only those that are limited to this namespace, among others perhaps
	Role     Role      // only those of the role
	Global   bool      // only those that are limited to no namespace
	UsableAt time.Time // only those that can be used at the instant
}

// TokenReader reads admin tokens.
type TokenReader interface {
	// Token MUST answer ErrNotFound when there is none.
	Token(ctx context.Context, id string) (Token, error)
	// TokenByHash MUST answer ErrNotFound when no token has the hash.
	TokenByHash(ctx context.Context, hash credential.Digest) (Token, error)
	// Tokens MUST answer only tokens that meet every condition of the filter,
	// and pages that MUST be ordered by id.
	Tokens(ctx context.Context, filter TokenFilter, page Page) ([]Token, Cursor, error)
}

// TokenWriter changes admin tokens inside a transaction.
type TokenWriter interface {
	// InsertToken MUST answer ErrConflict when id or hash exists.
	InsertToken(ctx context.Context, t Token) error
	// RevokeToken MUST set RevokedAt, once; ErrNotFound when there is none.
	RevokeToken(ctx context.Context, id string, at time.Time) error
	// ShortenToken MUST set ExpiresAt unless the token ends before that;
	// ErrNotFound when there is none.
	ShortenToken(ctx context.Context, id string, end time.Time) error
	// TouchToken MUST set LastUsedAt unless a later one is there; of a token
	// that is gone it MUST answer nil.
	TouchToken(ctx context.Context, id string, at time.Time) error
}
