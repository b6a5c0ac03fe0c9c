package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
	"credence/store/credential"
)

const tokenColumns = "token_id, name, role, namespaces, token_hash, expires_at, revoked_at, created_at" //nolint:gosec // G101: names of columns

func scanToken(r row, t *store.Token) error {
	err := r.Scan(&t.ID, &t.Name, &t.Role, &t.Namespaces, hash{(*[32]byte)(&t.Hash)},
		instant{&t.ExpiresAt}, instant{&t.RevokedAt}, instant{&t.CreatedAt})
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

// Tokens implements [store.TokenReader].
func (r reader) Tokens(ctx context.Context, page store.Page) ([]store.Token, store.Cursor, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+tokenColumns+" FROM credence.admin_tokens WHERE token_id > $1 ORDER BY token_id LIMIT $2",
		[]any{string(page.After), page.Size() + 1}, scanToken)
	if err != nil {
		return nil, "", fmt.Errorf("admin tokens: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.Token) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

// InsertToken implements [store.TokenWriter].
func (w *writer) InsertToken(ctx context.Context, t store.Token) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.admin_tokens ("+tokenColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		t.ID, t.Name, string(t.Role), list(t.Namespaces), t.Hash[:],
		timeOrNull(t.ExpiresAt), timeOrNull(t.RevokedAt), timeOrNull(t.CreatedAt))
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
