package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
	"credence/store/credential"
)

const tokenColumns = "token_id, name, role, namespaces, token_hash, expires_at, revoked_at, created_by, created_at, last_used_at"

func scanToken(r row, t *store.Token) error {
	return r.Scan(&t.ID, &t.Name, &t.Role, items[string]{&t.Namespaces}, hash{(*[32]byte)(&t.Hash)},
		instant{&t.ExpiresAt}, instant{&t.RevokedAt}, &t.CreatedBy, instant{&t.CreatedAt}, instant{&t.LastUsedAt})
}

// TokenByHash implements [store.TokenReader].
func (r reader) TokenByHash(ctx context.Context, h credential.Digest) (store.Token, error) {
	var t store.Token
	err := scanToken(r.q.QueryRowContext(ctx, "SELECT "+tokenColumns+" FROM admin_tokens WHERE token_hash = ?", h[:]), &t)
	if err != nil {
		return store.Token{}, fmt.Errorf("admin token: %w", translate(err))
	}
	return t, nil
}

// Token implements [store.TokenReader].
func (r reader) Token(ctx context.Context, id string) (store.Token, error) {
	var t store.Token
	err := scanToken(r.q.QueryRowContext(ctx, "SELECT "+tokenColumns+" FROM admin_tokens WHERE token_id = ?", id), &t)
	if err != nil {
		return store.Token{}, fmt.Errorf("admin token %q: %w", id, translate(err))
	}
	return t, nil
}

// Tokens implements [store.TokenReader].
func (r reader) Tokens(ctx context.Context, filter store.TokenFilter, page store.Page) ([]store.Token, store.Cursor, error) {
	c, err := tokenConditions(&filter)
	if err != nil {
		return nil, "", fmt.Errorf("admin tokens: %w", err)
	}
	c.add("token_id > ?", string(page.After))
	query := c.query("SELECT "+tokenColumns+" FROM admin_tokens", " ORDER BY token_id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanToken)
	if err != nil {
		return nil, "", fmt.Errorf("admin tokens: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.Token) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

func tokenConditions(f *store.TokenFilter) (*conditions, error) {
	var c conditions
	if f.Within != nil {
		within, err := list(f.Within)
		if err != nil {
			return nil, err
		}
		c.add("namespaces <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(namespaces) AS n WHERE n.value NOT IN (SELECT value FROM json_each(?)))", within)
	}
	if f.Naming != "" {
		c.add("EXISTS (SELECT 1 FROM json_each(namespaces) AS n WHERE n.value = ?)", f.Naming)
	}
	if f.Role != "" {
		c.add("role = ?", string(f.Role))
	}
	if f.Global {
		c.add("namespaces = '[]'")
	}
	if !f.UsableAt.IsZero() {
		c.add("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", micros(f.UsableAt))
	}
	return &c, nil
}

// InsertToken implements [store.TokenWriter].
func (w *writer) InsertToken(ctx context.Context, t store.Token) error {
	namespaces, err := list(t.Namespaces)
	if err != nil {
		return fmt.Errorf("insert admin token %q: %w", t.ID, err)
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO admin_tokens ("+tokenColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.ID, t.Name, string(t.Role), namespaces, t.Hash[:], micros(t.ExpiresAt), micros(t.RevokedAt),
		t.CreatedBy, micros(t.CreatedAt), micros(t.LastUsedAt))
	if err != nil {
		return fmt.Errorf("insert admin token %q: %w", t.ID, translate(err))
	}
	return nil
}

// RevokeToken implements [store.TokenWriter]. A second time it changes nothing.
func (w *writer) RevokeToken(ctx context.Context, id string, at time.Time) error {
	n, err := removed(w.tx.ExecContext(ctx,
		"UPDATE admin_tokens SET revoked_at = ifnull(revoked_at, ?) WHERE token_id = ?", micros(at), id))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke admin token %q: %w", id, err)
	}
	return nil
}

// ShortenToken implements [store.TokenWriter].
func (w *writer) ShortenToken(ctx context.Context, id string, end time.Time) error {
	n, err := removed(w.tx.ExecContext(ctx,
		"UPDATE admin_tokens SET expires_at = min(ifnull(expires_at, ?1), ?1) WHERE token_id = ?2", micros(end), id))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("shorten admin token %q: %w", id, err)
	}
	return nil
}

// TouchToken implements [store.TokenWriter].
func (w *writer) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := w.tx.ExecContext(ctx,
		"UPDATE admin_tokens SET last_used_at = max(ifnull(last_used_at, ?1), ?1) WHERE token_id = ?2", micros(at), id)
	if err != nil {
		return fmt.Errorf("touch admin token %q: %w", id, translate(err))
	}
	return nil
}
