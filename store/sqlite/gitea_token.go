package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const giteaTokenColumns = `token_id, connection_id, namespace, gitea_token_id, token_name, login, user_id, scopes, last_eight, secret,
	secret_at, collected_at, owner, description, state, state_at, expires_at, rotate_every, overlap, predecessor, successor,
	created_by, created_at, updated_at, version, listed_at, server_scopes, last_used_at, verified_at, outcome`

func scanGiteaToken(r row, t *store.GiteaToken) error {
	return r.Scan(&t.ID, &t.ConnectionID, &t.Namespace, optionalNumber{&t.GiteaTokenID}, &t.TokenName, &t.Login, &t.UserID,
		items[string]{&t.Scopes}, &t.LastEight, &t.Secret, instant{&t.SecretAt}, instant{&t.CollectedAt}, &t.Owner, &t.Description, &t.State,
		instant{&t.StateAt}, instant{&t.ExpiresAt}, span{&t.RotateEvery}, span{&t.Overlap}, &t.Predecessor, &t.Successor,
		&t.CreatedBy, instant{&t.CreatedAt}, instant{&t.UpdatedAt}, &t.Version, instant{&t.Seen.ListedAt},
		items[string]{&t.Seen.ServerScopes}, instant{&t.Seen.LastUsedAt}, instant{&t.Seen.VerifiedAt}, &t.Seen.Outcome)
}

// GiteaToken implements [store.GiteaTokenReader].
func (r reader) GiteaToken(ctx context.Context, id string) (store.GiteaToken, error) {
	var t store.GiteaToken
	err := scanGiteaToken(r.q.QueryRowContext(ctx, "SELECT "+giteaTokenColumns+" FROM gitea_tokens WHERE token_id = ?", id), &t)
	if err != nil {
		return store.GiteaToken{}, fmt.Errorf("gitea token %q: %w", id, translate(err))
	}
	return t, nil
}

// GiteaTokens implements [store.GiteaTokenReader].
func (r reader) GiteaTokens(ctx context.Context, filter store.GiteaTokenFilter, page store.Page) ([]store.GiteaToken, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", filter.Scopes)
	c.anyOf("state", giteaTokenStates(filter.States))
	for column, value := range map[string]string{"connection_id": filter.ConnectionID, "login": filter.Login, "owner": filter.Owner} {
		if value != "" {
			c.add(column+" = ?", value)
		}
	}
	c.add("token_id > ?", string(page.After))
	query := c.query("SELECT "+giteaTokenColumns+" FROM gitea_tokens", " ORDER BY token_id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanGiteaToken)
	if err != nil {
		return nil, "", fmt.Errorf("gitea tokens: %w", err)
	}
	found, next := cutPage(found, page, func(t *store.GiteaToken) store.Cursor { return store.Cursor(t.ID) })
	return found, next, nil
}

func giteaTokenStates(states []store.GiteaTokenState) []string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = string(s)
	}
	return texts
}

// giteaTokenLists are the columns of the lists.
func giteaTokenLists(t *store.GiteaToken) (scopes, listed string, err error) {
	if scopes, err = list(t.Scopes); err != nil {
		return "", "", err
	}
	listed, err = list(t.Seen.ServerScopes)
	return scopes, listed, err
}

// InsertGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) InsertGiteaToken(ctx context.Context, t store.GiteaToken) error {
	scopes, listed, err := giteaTokenLists(&t)
	if err != nil {
		return fmt.Errorf("insert gitea token %q: %w", t.ID, err)
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO gitea_tokens ("+giteaTokenColumns+`) VALUES (
			?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.ConnectionID, t.Namespace, numberOrNull(t.GiteaTokenID), t.TokenName, t.Login, t.UserID, scopes, t.LastEight,
		bytesOrNull(t.Secret), micros(t.SecretAt), micros(t.CollectedAt), t.Owner, t.Description, string(t.State), micros(t.StateAt),
		micros(t.ExpiresAt), t.RotateEvery.Microseconds(), t.Overlap.Microseconds(), t.Predecessor, t.Successor, t.CreatedBy,
		micros(t.CreatedAt), micros(t.UpdatedAt), t.Version, micros(t.Seen.ListedAt), listed, micros(t.Seen.LastUsedAt),
		micros(t.Seen.VerifiedAt), t.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert gitea token %q: %w", t.ID, translate(err))
	}
	return nil
}

const giteaTokenVersion = "SELECT version FROM gitea_tokens WHERE token_id = ?"

// UpdateGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) UpdateGiteaToken(ctx context.Context, t store.GiteaToken) error {
	scopes, _, err := giteaTokenLists(&t)
	if err != nil {
		return fmt.Errorf("update gitea token %q: %w", t.ID, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE gitea_tokens SET gitea_token_id = ?, login = ?, user_id = ?, scopes = ?, last_eight = ?, secret = ?, secret_at = ?, collected_at = ?, owner = ?,
		description = ?, state = ?, state_at = ?, expires_at = ?, rotate_every = ?, overlap = ?, predecessor = ?, successor = ?,
		updated_at = ?,
			version = version + 1 WHERE token_id = ? AND version = ?`,
		numberOrNull(t.GiteaTokenID), t.Login, t.UserID, scopes, t.LastEight, bytesOrNull(t.Secret), micros(t.SecretAt), micros(t.CollectedAt),
		t.Owner, t.Description, string(t.State), micros(t.StateAt), micros(t.ExpiresAt), t.RotateEvery.Microseconds(),
		t.Overlap.Microseconds(), t.Predecessor, t.Successor, micros(t.UpdatedAt), t.ID, t.Version)
	if err != nil {
		return fmt.Errorf("update gitea token %q: %w", t.ID, translate(err))
	}
	if err := w.versioned(ctx, result, giteaTokenVersion, t.ID); err != nil {
		return fmt.Errorf("update gitea token %q: %w", t.ID, err)
	}
	return nil
}

// SetGiteaTokenListed implements [store.GiteaTokenWriter].
func (w *writer) SetGiteaTokenListed(ctx context.Context, id string, listed store.GiteaTokenSeen) error {
	scopes, err := list(listed.ServerScopes)
	if err != nil {
		return fmt.Errorf("what is listed of gitea token %q: %w", id, err)
	}
	_, err = w.tx.ExecContext(ctx, `UPDATE gitea_tokens SET listed_at = ?1, server_scopes = ?2, last_used_at = ?3
		WHERE token_id = ?4 AND (listed_at IS NULL OR listed_at <= ?1)`,
		micros(listed.ListedAt), scopes, micros(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of gitea token %q: %w", id, translate(err))
	}
	return nil
}

// SetGiteaTokenVerified implements [store.GiteaTokenWriter].
func (w *writer) SetGiteaTokenVerified(ctx context.Context, id string, secretAt time.Time, verified store.GiteaTokenSeen) (bool, error) {
	n, err := removed(w.tx.ExecContext(ctx, `UPDATE gitea_tokens SET verified_at = ?1, outcome = ?2
		WHERE token_id = ?3 AND secret_at IS ?4 AND (verified_at IS NULL OR verified_at <= ?1)`,
		micros(verified.VerifiedAt), verified.Outcome, id, micros(secretAt)))
	if err != nil {
		return false, fmt.Errorf("what was tried of gitea token %q: %w", id, err)
	}
	return n > 0, nil
}

// DeleteGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) DeleteGiteaToken(ctx context.Context, id string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM gitea_tokens WHERE token_id = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete gitea token %q: %w", id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, giteaTokenVersion, id); err != nil {
		return fmt.Errorf("delete gitea token %q: %w", id, err)
	}
	return nil
}

// DeleteGiteaTokens implements [store.GiteaTokenWriter].
func (w *writer) DeleteGiteaTokens(ctx context.Context, connectionID string) (int, error) {
	n, err := removed(w.tx.ExecContext(ctx, "DELETE FROM gitea_tokens WHERE connection_id = ?", connectionID))
	if err != nil {
		return 0, fmt.Errorf("delete gitea tokens of %q: %w", connectionID, err)
	}
	return n, nil
}
