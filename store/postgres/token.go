package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
	"credence/store/credential"
)

const tokenColumns = "token_id, name, role, namespaces, token_hash, expires_at, revoked_at, created_by, created_at, last_used_at"

func scanToken(r row, t *store.Token) error {
	err := r.Scan(&t.ID, &t.Name, &t.Role, &t.Namespaces, hash{(*[32]byte)(&t.Hash)},
		instant{&t.ExpiresAt}, instant{&t.RevokedAt}, &t.CreatedBy, instant{&t.CreatedAt}, instant{&t.LastUsedAt})
	noneIsNil(&t.Namespaces)
	return err
}

// TokenByHash implements [store.TokenReader].
func (r reader) TokenByHash(ctx context.Context, h credential.Digest) (store.Token, error) {
	var t store.Token
	err := r.q.row(ctx, "SELECT "+tokenColumns+" FROM credence.admin_tokens WHERE token_hash = $1", []any{h[:]},
		func(r row) error { return scanToken(r, &t) })
	if err != nil {
		return store.Token{}, fmt.Errorf("admin token: %w", err)
	}
	return t, nil
}

// Token implements [store.TokenReader].
func (r reader) Token(ctx context.Context, id string) (store.Token, error) {
	var t store.Token
	err := r.q.row(ctx, "SELECT "+tokenColumns+" FROM credence.admin_tokens WHERE token_id = $1", []any{id},
		func(r row) error { return scanToken(r, &t) })
	if err != nil {
		return store.Token{}, fmt.Errorf("admin token %q: %w", id, err)
	}
	return t, nil
}

// Tokens implements [store.TokenReader].
func (r reader) Tokens(ctx context.Context, filter store.TokenFilter, page store.Page) ([]store.Token, store.Cursor, error) {
	c := tokenConditions(&filter)
	c.add("token_id > " + c.arg(string(page.After)))
	query := c.query("SELECT "+tokenColumns+" FROM credence.admin_tokens", "token_id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanToken)
	if err != nil {
		return nil, "", fmt.Errorf("admin tokens: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.Token) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

func tokenConditions(f *store.TokenFilter) *conditions {
	var c conditions
	if f.Within != nil {
		c.add("namespaces <> '{}' AND namespaces <@ " + c.arg(list(f.Within)))
	}
	if f.Naming != "" {
		c.add(c.arg(f.Naming) + " = ANY (namespaces)")
	}
	if f.Role != "" {
		c.add("role = " + c.arg(string(f.Role)))
	}
	if f.Global {
		c.add("namespaces = '{}'")
	}
	if !f.UsableAt.IsZero() {
		c.add("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > " + c.arg(timeOrNull(f.UsableAt)) + ")")
	}
	return &c
}

// InsertToken implements [store.TokenWriter].
func (w *writer) InsertToken(ctx context.Context, t store.Token) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.admin_tokens ("+tokenColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		t.ID, t.Name, string(t.Role), list(t.Namespaces), t.Hash[:],
		timeOrNull(t.ExpiresAt), timeOrNull(t.RevokedAt), t.CreatedBy, timeOrNull(t.CreatedAt), timeOrNull(t.LastUsedAt))
	if err != nil {
		return fmt.Errorf("insert admin token %q: %w", t.ID, err)
	}
	return nil
}

// RevokeToken implements [store.TokenWriter]. A second time it changes nothing.
func (w *writer) RevokeToken(ctx context.Context, id string, at time.Time) error {
	err := found(w.q.exec(ctx,
		"UPDATE credence.admin_tokens SET revoked_at = coalesce(revoked_at, $1) WHERE token_id = $2", timeOrNull(at), id))
	if err != nil {
		return fmt.Errorf("revoke admin token %q: %w", id, err)
	}
	return nil
}

// ShortenToken implements [store.TokenWriter].
func (w *writer) ShortenToken(ctx context.Context, id string, end time.Time) error {
	err := found(w.q.exec(ctx,
		"UPDATE credence.admin_tokens SET expires_at = least(expires_at, $1) WHERE token_id = $2", timeOrNull(end), id))
	if err != nil {
		return fmt.Errorf("shorten admin token %q: %w", id, err)
	}
	return nil
}

// TouchToken implements [store.TokenWriter].
func (w *writer) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := w.q.exec(ctx,
		"UPDATE credence.admin_tokens SET last_used_at = greatest(last_used_at, $1) WHERE token_id = $2", timeOrNull(at), id)
	if err != nil {
		return fmt.Errorf("touch admin token %q: %w", id, err)
	}
	return nil
}
