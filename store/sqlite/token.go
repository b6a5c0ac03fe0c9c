package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
	"credence/store/credential"
)

const tokenColumns = "token_id, name, role, namespaces, token_hash, expires_at, revoked_at, created_at" //nolint:gosec // G101: names of columns

func scanToken(r row, t *store.Token) error {
	return r.Scan(&t.ID, &t.Name, &t.Role, items[string]{&t.Namespaces}, hash{(*[32]byte)(&t.Hash)},
		instant{&t.ExpiresAt}, instant{&t.RevokedAt}, instant{&t.CreatedAt})
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

// Tokens implements [store.TokenReader].
func (r reader) Tokens(ctx context.Context, page store.Page) ([]store.Token, store.Cursor, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+tokenColumns+" FROM admin_tokens WHERE token_id > ? ORDER BY token_id LIMIT ?",
		[]any{string(page.After), page.Size() + 1}, scanToken)
	if err != nil {
		return nil, "", fmt.Errorf("admin tokens: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.Token) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

// InsertToken implements [store.TokenWriter].
func (w *writer) InsertToken(ctx context.Context, t store.Token) error {
	namespaces, err := list(t.Namespaces)
	if err != nil {
		return fmt.Errorf("insert admin token %q: %w", t.ID, err)
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO admin_tokens ("+tokenColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		t.ID, t.Name, string(t.Role), namespaces, t.Hash[:], micros(t.ExpiresAt), micros(t.RevokedAt), micros(t.CreatedAt))
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
