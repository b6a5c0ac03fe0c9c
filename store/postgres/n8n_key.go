package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const n8nKeyColumns = `id, connection_id, namespace, n8n_key_id, label, login, user_id, scopes, last_four, secret,
	secret_at, collected_at, owner, description, state, state_at, expires_at, rotate_every, overlap, predecessor, successor,
	created_by, created_at, updated_at, version, listed_at, server_scopes, last_used_at, verified_at, outcome`

func scanN8NKey(r row, t *store.N8NKey) error {
	err := r.Scan(&t.ID, &t.ConnectionID, &t.Namespace, optionalText{&t.N8NKeyID}, &t.Label, &t.Login, &t.UserID, &t.Scopes,
		&t.LastFour, &t.Secret, instant{&t.SecretAt}, instant{&t.CollectedAt}, &t.Owner, &t.Description, &t.State, instant{&t.StateAt},
		instant{&t.ExpiresAt}, &t.RotateEvery, &t.Overlap, &t.Predecessor, &t.Successor, &t.CreatedBy,
		instant{&t.CreatedAt}, instant{&t.UpdatedAt}, &t.Version, instant{&t.Seen.ListedAt}, &t.Seen.ServerScopes,
		instant{&t.Seen.LastUsedAt}, instant{&t.Seen.VerifiedAt}, &t.Seen.Outcome)
	noneIsNil(&t.Scopes, &t.Seen.ServerScopes)
	return err
}

// N8NKey implements [store.N8NKeyReader].
func (r reader) N8NKey(ctx context.Context, id string) (store.N8NKey, error) {
	var t store.N8NKey
	err := r.q.row(ctx, "SELECT "+n8nKeyColumns+" FROM credence.n8n_api_keys WHERE id = $1", []any{id},
		func(r row) error { return scanN8NKey(r, &t) })
	if err != nil {
		return store.N8NKey{}, fmt.Errorf("n8n key %q: %w", id, err)
	}
	return t, nil
}

// N8NKeys implements [store.N8NKeyReader].
func (r reader) N8NKeys(ctx context.Context, filter store.N8NKeyFilter, page store.Page) ([]store.N8NKey, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", filter.Scopes)
	c.anyOf("state", n8nKeyStates(filter.States))
	for column, value := range map[string]string{"connection_id": filter.ConnectionID, "login": filter.Login, "owner": filter.Owner} {
		if value != "" {
			c.add(column + " = " + c.arg(value))
		}
	}
	c.add("id > " + c.arg(string(page.After)))
	query := c.query("SELECT "+n8nKeyColumns+" FROM credence.n8n_api_keys", "id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanN8NKey)
	if err != nil {
		return nil, "", fmt.Errorf("n8n keys: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.N8NKey) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

func n8nKeyStates(states []store.N8NKeyState) []string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = string(s)
	}
	return texts
}

// InsertN8NKey implements [store.N8NKeyWriter].
func (w *writer) InsertN8NKey(ctx context.Context, t store.N8NKey) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.n8n_api_keys ("+n8nKeyColumns+`) VALUES (
			$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
		$27, $28, $29, $30)`,
		t.ID, t.ConnectionID, t.Namespace, textOrNull(t.N8NKeyID), t.Label, t.Login, t.UserID, list(t.Scopes),
		t.LastFour, bytesOrNull(t.Secret), timeOrNull(t.SecretAt), timeOrNull(t.CollectedAt), t.Owner, t.Description, string(t.State),
		timeOrNull(t.StateAt), timeOrNull(t.ExpiresAt), t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, t.CreatedBy,
		timeOrNull(t.CreatedAt), timeOrNull(t.UpdatedAt), t.Version, timeOrNull(t.Seen.ListedAt), list(t.Seen.ServerScopes),
		timeOrNull(t.Seen.LastUsedAt), timeOrNull(t.Seen.VerifiedAt), t.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert n8n key %q: %w", t.ID, err)
	}
	return nil
}

const n8nKeyVersion = "SELECT version FROM credence.n8n_api_keys WHERE id = $1"

// UpdateN8NKey implements [store.N8NKeyWriter].
func (w *writer) UpdateN8NKey(ctx context.Context, t store.N8NKey) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.n8n_api_keys SET n8n_key_id = $1, login = $2, user_id = $3, scopes = $4, last_four = $5, secret = $6, secret_at = $7, collected_at = $8, owner = $9,
		description = $10, state = $11, state_at = $12, expires_at = $13, rotate_every = $14, overlap = $15, predecessor = $16,
		successor = $17, updated_at = $18,
			version = version + 1 WHERE id = $19 AND version = $20`,
		textOrNull(t.N8NKeyID), t.Login, t.UserID, list(t.Scopes), t.LastFour, bytesOrNull(t.Secret),
		timeOrNull(t.SecretAt), timeOrNull(t.CollectedAt), t.Owner, t.Description, string(t.State), timeOrNull(t.StateAt), timeOrNull(t.ExpiresAt),
		t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, timeOrNull(t.UpdatedAt), t.ID, t.Version)
	if err := w.versioned(ctx, changed, err, n8nKeyVersion, t.ID); err != nil {
		return fmt.Errorf("update n8n key %q: %w", t.ID, err)
	}
	return nil
}

// SetN8NKeyListed implements [store.N8NKeyWriter].
func (w *writer) SetN8NKeyListed(ctx context.Context, id string, listed store.N8NKeySeen) error {
	_, err := w.q.exec(ctx, `UPDATE credence.n8n_api_keys SET listed_at = $1, server_scopes = $2, last_used_at = $3
		WHERE id = $4 AND (listed_at IS NULL OR listed_at <= $1)`,
		timeOrNull(listed.ListedAt), list(listed.ServerScopes), timeOrNull(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of n8n key %q: %w", id, err)
	}
	return nil
}

// SetN8NKeyVerified implements [store.N8NKeyWriter].
func (w *writer) SetN8NKeyVerified(ctx context.Context, id string, secretAt time.Time, verified store.N8NKeySeen) (bool, error) {
	n, err := w.q.exec(ctx, `UPDATE credence.n8n_api_keys SET verified_at = $1, outcome = $2
		WHERE id = $3 AND secret_at IS NOT DISTINCT FROM $4 AND (verified_at IS NULL OR verified_at <= $1)`,
		timeOrNull(verified.VerifiedAt), verified.Outcome, id, timeOrNull(secretAt))
	if err != nil {
		return false, fmt.Errorf("what was tried of n8n key %q: %w", id, err)
	}
	return n > 0, nil
}

// DeleteN8NKey implements [store.N8NKeyWriter].
func (w *writer) DeleteN8NKey(ctx context.Context, id string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.n8n_api_keys WHERE id = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), n8nKeyVersion, id); err != nil {
		return fmt.Errorf("delete n8n key %q: %w", id, err)
	}
	return nil
}

// DeleteN8NKeys implements [store.N8NKeyWriter].
func (w *writer) DeleteN8NKeys(ctx context.Context, connectionID string) (int, error) {
	n, err := w.q.exec(ctx, "DELETE FROM credence.n8n_api_keys WHERE connection_id = $1", connectionID)
	if err != nil {
		return 0, fmt.Errorf("delete n8n keys of %q: %w", connectionID, err)
	}
	return n, nil
}
