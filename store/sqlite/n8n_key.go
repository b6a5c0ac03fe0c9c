package sqlite

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
	return r.Scan(&t.ID, &t.ConnectionID, &t.Namespace, optionalText{&t.N8NKeyID}, &t.Label, &t.Login, &t.UserID,
		items[string]{&t.Scopes}, &t.LastFour, &t.Secret, instant{&t.SecretAt}, instant{&t.CollectedAt}, &t.Owner, &t.Description, &t.State,
		instant{&t.StateAt}, instant{&t.ExpiresAt}, span{&t.RotateEvery}, span{&t.Overlap}, &t.Predecessor, &t.Successor,
		&t.CreatedBy, instant{&t.CreatedAt}, instant{&t.UpdatedAt}, &t.Version, instant{&t.Seen.ListedAt},
		items[string]{&t.Seen.ServerScopes}, instant{&t.Seen.LastUsedAt}, instant{&t.Seen.VerifiedAt}, &t.Seen.Outcome)
}

// N8NKey implements [store.N8NKeyReader].
func (r reader) N8NKey(ctx context.Context, id string) (store.N8NKey, error) {
	var t store.N8NKey
	err := scanN8NKey(r.q.QueryRowContext(ctx, "SELECT "+n8nKeyColumns+" FROM n8n_api_keys WHERE id = ?", id), &t)
	if err != nil {
		return store.N8NKey{}, fmt.Errorf("n8n key %q: %w", id, translate(err))
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
			c.add(column+" = ?", value)
		}
	}
	c.add("id > ?", string(page.After))
	query := c.query("SELECT "+n8nKeyColumns+" FROM n8n_api_keys", " ORDER BY id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanN8NKey)
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

// n8nKeyLists are the columns of the lists.
func n8nKeyLists(t *store.N8NKey) (scopes, listed string, err error) {
	if scopes, err = list(t.Scopes); err != nil {
		return "", "", err
	}
	listed, err = list(t.Seen.ServerScopes)
	return scopes, listed, err
}

// InsertN8NKey implements [store.N8NKeyWriter].
func (w *writer) InsertN8NKey(ctx context.Context, t store.N8NKey) error {
	scopes, listed, err := n8nKeyLists(&t)
	if err != nil {
		return fmt.Errorf("insert n8n key %q: %w", t.ID, err)
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO n8n_api_keys ("+n8nKeyColumns+`) VALUES (
			?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.ConnectionID, t.Namespace, textOrNull(t.N8NKeyID), t.Label, t.Login, t.UserID, scopes, t.LastFour,
		bytesOrNull(t.Secret), micros(t.SecretAt), micros(t.CollectedAt), t.Owner, t.Description, string(t.State), micros(t.StateAt),
		micros(t.ExpiresAt), t.RotateEvery.Microseconds(), t.Overlap.Microseconds(), t.Predecessor, t.Successor, t.CreatedBy,
		micros(t.CreatedAt), micros(t.UpdatedAt), t.Version, micros(t.Seen.ListedAt), listed, micros(t.Seen.LastUsedAt),
		micros(t.Seen.VerifiedAt), t.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert n8n key %q: %w", t.ID, translate(err))
	}
	return nil
}

const n8nKeyVersion = "SELECT version FROM n8n_api_keys WHERE id = ?"

// UpdateN8NKey implements [store.N8NKeyWriter].
func (w *writer) UpdateN8NKey(ctx context.Context, t store.N8NKey) error {
	scopes, _, err := n8nKeyLists(&t)
	if err != nil {
		return fmt.Errorf("update n8n key %q: %w", t.ID, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE n8n_api_keys SET n8n_key_id = ?, login = ?, user_id = ?, scopes = ?, last_four = ?, secret = ?, secret_at = ?, collected_at = ?, owner = ?,
		description = ?, state = ?, state_at = ?, expires_at = ?, rotate_every = ?, overlap = ?, predecessor = ?, successor = ?,
		updated_at = ?,
			version = version + 1 WHERE id = ? AND version = ?`,
		textOrNull(t.N8NKeyID), t.Login, t.UserID, scopes, t.LastFour, bytesOrNull(t.Secret), micros(t.SecretAt), micros(t.CollectedAt),
		t.Owner, t.Description, string(t.State), micros(t.StateAt), micros(t.ExpiresAt), t.RotateEvery.Microseconds(),
		t.Overlap.Microseconds(), t.Predecessor, t.Successor, micros(t.UpdatedAt), t.ID, t.Version)
	if err != nil {
		return fmt.Errorf("update n8n key %q: %w", t.ID, translate(err))
	}
	if err := w.versioned(ctx, result, n8nKeyVersion, t.ID); err != nil {
		return fmt.Errorf("update n8n key %q: %w", t.ID, err)
	}
	return nil
}

// SetN8NKeyListed implements [store.N8NKeyWriter].
func (w *writer) SetN8NKeyListed(ctx context.Context, id string, listed store.N8NKeySeen) error {
	scopes, err := list(listed.ServerScopes)
	if err != nil {
		return fmt.Errorf("what is listed of n8n key %q: %w", id, err)
	}
	_, err = w.tx.ExecContext(ctx, `UPDATE n8n_api_keys SET listed_at = ?1, server_scopes = ?2, last_used_at = ?3
		WHERE id = ?4 AND (listed_at IS NULL OR listed_at <= ?1)`,
		micros(listed.ListedAt), scopes, micros(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of n8n key %q: %w", id, translate(err))
	}
	return nil
}

// SetN8NKeyVerified implements [store.N8NKeyWriter].
func (w *writer) SetN8NKeyVerified(ctx context.Context, id string, secretAt time.Time, verified store.N8NKeySeen) (bool, error) {
	n, err := removed(w.tx.ExecContext(ctx, `UPDATE n8n_api_keys SET verified_at = ?1, outcome = ?2
		WHERE id = ?3 AND secret_at IS ?4 AND (verified_at IS NULL OR verified_at <= ?1)`,
		micros(verified.VerifiedAt), verified.Outcome, id, micros(secretAt)))
	if err != nil {
		return false, fmt.Errorf("what was tried of n8n key %q: %w", id, err)
	}
	return n > 0, nil
}

// DeleteN8NKey implements [store.N8NKeyWriter].
func (w *writer) DeleteN8NKey(ctx context.Context, id string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM n8n_api_keys WHERE id = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete n8n key %q: %w", id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, n8nKeyVersion, id); err != nil {
		return fmt.Errorf("delete n8n key %q: %w", id, err)
	}
	return nil
}

// DeleteN8NKeys implements [store.N8NKeyWriter].
func (w *writer) DeleteN8NKeys(ctx context.Context, connectionID string) (int, error) {
	n, err := removed(w.tx.ExecContext(ctx, "DELETE FROM n8n_api_keys WHERE connection_id = ?", connectionID))
	if err != nil {
		return 0, fmt.Errorf("delete n8n keys of %q: %w", connectionID, err)
	}
	return n, nil
}
