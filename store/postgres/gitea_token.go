package postgres

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
	err := r.Scan(&t.ID, &t.ConnectionID, &t.Namespace, optionalNumber{&t.GiteaTokenID}, &t.TokenName, &t.Login, &t.UserID, &t.Scopes,
		&t.LastEight, &t.Secret, instant{&t.SecretAt}, instant{&t.CollectedAt}, &t.Owner, &t.Description, &t.State, instant{&t.StateAt},
		instant{&t.ExpiresAt}, &t.RotateEvery, &t.Overlap, &t.Predecessor, &t.Successor, &t.CreatedBy,
		instant{&t.CreatedAt}, instant{&t.UpdatedAt}, &t.Version, instant{&t.Seen.ListedAt}, &t.Seen.ServerScopes,
		instant{&t.Seen.LastUsedAt}, instant{&t.Seen.VerifiedAt}, &t.Seen.Outcome)
	noneIsNil(&t.Scopes, &t.Seen.ServerScopes)
	return err
}

// GiteaToken implements [store.GiteaTokenReader].
func (r reader) GiteaToken(ctx context.Context, id string) (store.GiteaToken, error) {
	var t store.GiteaToken
	err := r.q.row(ctx, "SELECT "+giteaTokenColumns+" FROM credence.gitea_tokens WHERE token_id = $1", []any{id},
		func(r row) error { return scanGiteaToken(r, &t) })
	if err != nil {
		return store.GiteaToken{}, fmt.Errorf("gitea token %q: %w", id, err)
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
			c.add(column + " = " + c.arg(value))
		}
	}
	c.add("token_id > " + c.arg(string(page.After)))
	query := c.query("SELECT "+giteaTokenColumns+" FROM credence.gitea_tokens", "token_id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanGiteaToken)
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

// InsertGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) InsertGiteaToken(ctx context.Context, t store.GiteaToken) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.gitea_tokens ("+giteaTokenColumns+`) VALUES (
			$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
		$27, $28, $29, $30)`,
		t.ID, t.ConnectionID, t.Namespace, numberOrNull(t.GiteaTokenID), t.TokenName, t.Login, t.UserID, list(t.Scopes),
		t.LastEight, bytesOrNull(t.Secret), timeOrNull(t.SecretAt), timeOrNull(t.CollectedAt), t.Owner, t.Description, string(t.State),
		timeOrNull(t.StateAt), timeOrNull(t.ExpiresAt), t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, t.CreatedBy,
		timeOrNull(t.CreatedAt), timeOrNull(t.UpdatedAt), t.Version, timeOrNull(t.Seen.ListedAt), list(t.Seen.ServerScopes),
		timeOrNull(t.Seen.LastUsedAt), timeOrNull(t.Seen.VerifiedAt), t.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert gitea token %q: %w", t.ID, err)
	}
	return nil
}

const giteaTokenVersion = "SELECT version FROM credence.gitea_tokens WHERE token_id = $1"

// UpdateGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) UpdateGiteaToken(ctx context.Context, t store.GiteaToken) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.gitea_tokens SET gitea_token_id = $1, login = $2, user_id = $3, scopes = $4, last_eight = $5, secret = $6, secret_at = $7, collected_at = $8, owner = $9,
		description = $10, state = $11, state_at = $12, expires_at = $13, rotate_every = $14, overlap = $15, predecessor = $16,
		successor = $17, updated_at = $18,
			version = version + 1 WHERE token_id = $19 AND version = $20`,
		numberOrNull(t.GiteaTokenID), t.Login, t.UserID, list(t.Scopes), t.LastEight, bytesOrNull(t.Secret),
		timeOrNull(t.SecretAt), timeOrNull(t.CollectedAt), t.Owner, t.Description, string(t.State), timeOrNull(t.StateAt), timeOrNull(t.ExpiresAt),
		t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, timeOrNull(t.UpdatedAt), t.ID, t.Version)
	if err := w.versioned(ctx, changed, err, giteaTokenVersion, t.ID); err != nil {
		return fmt.Errorf("update gitea token %q: %w", t.ID, err)
	}
	return nil
}

// SetGiteaTokenListed implements [store.GiteaTokenWriter].
func (w *writer) SetGiteaTokenListed(ctx context.Context, id string, listed store.GiteaTokenSeen) error {
	_, err := w.q.exec(ctx, `UPDATE credence.gitea_tokens SET listed_at = $1, server_scopes = $2, last_used_at = $3
		WHERE token_id = $4 AND (listed_at IS NULL OR listed_at <= $1)`,
		timeOrNull(listed.ListedAt), list(listed.ServerScopes), timeOrNull(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of gitea token %q: %w", id, err)
	}
	return nil
}

// SetGiteaTokenVerified implements [store.GiteaTokenWriter].
func (w *writer) SetGiteaTokenVerified(ctx context.Context, id string, secretAt time.Time, verified store.GiteaTokenSeen) (bool, error) {
	n, err := w.q.exec(ctx, `UPDATE credence.gitea_tokens SET verified_at = $1, outcome = $2
		WHERE token_id = $3 AND secret_at IS NOT DISTINCT FROM $4 AND (verified_at IS NULL OR verified_at <= $1)`,
		timeOrNull(verified.VerifiedAt), verified.Outcome, id, timeOrNull(secretAt))
	if err != nil {
		return false, fmt.Errorf("what was tried of gitea token %q: %w", id, err)
	}
	return n > 0, nil
}

// DeleteGiteaToken implements [store.GiteaTokenWriter].
func (w *writer) DeleteGiteaToken(ctx context.Context, id string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.gitea_tokens WHERE token_id = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), giteaTokenVersion, id); err != nil {
		return fmt.Errorf("delete gitea token %q: %w", id, err)
	}
	return nil
}

// DeleteGiteaTokens implements [store.GiteaTokenWriter].
func (w *writer) DeleteGiteaTokens(ctx context.Context, connectionID string) (int, error) {
	n, err := w.q.exec(ctx, "DELETE FROM credence.gitea_tokens WHERE connection_id = $1", connectionID)
	if err != nil {
		return 0, fmt.Errorf("delete gitea tokens of %q: %w", connectionID, err)
	}
	return n, nil
}
