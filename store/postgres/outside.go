package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// outsideTable is where the credentials of another system are. Those of all
// systems have the same columns, under the words of the system.
type outsideTable struct {
	name    string
	what    string // in errors
	id      string
	remote  string // the id there
	title   string
	ending  string
	numbers bool // ids there are numbers: that of the account is 0 when nobody says
}

func outsideTableOf(s store.System) outsideTable {
	switch s {
	case store.SystemGitea:
		return outsideTable{"credence.gitea_tokens", "gitea token", "token_id", "gitea_token_id", "token_name", "last_eight", true}
	case store.SystemN8N:
		return outsideTable{"credence.n8n_api_keys", "n8n key", "id", "n8n_key_id", "label", "last_four", false}
	case store.SystemCredence:
	}
	return outsideTable{}
}

func (o *outsideTable) columns() string {
	return o.id + ", connection_id, namespace, " + o.remote + ", " + o.title + ", login, user_id, scopes, " + o.ending + `, secret,
	secret_at, collected_at, owner, description, state, state_at, expires_at, rotate_every, overlap, predecessor, successor,
	created_by, created_at, updated_at, version, listed_at, server_scopes, last_used_at, verified_at, outcome`
}

func (o *outsideTable) scan(s store.System) func(row, *store.OutsideCredential) error {
	return func(r row, c *store.OutsideCredential) error {
		c.System = s
		var remote, user any = optionalText{&c.RemoteID}, &c.UserID
		if o.numbers {
			remote, user = numberText{&c.RemoteID}, numberText{&c.UserID}
		}
		err := r.Scan(&c.ID, &c.ConnectionID, &c.Namespace, remote, &c.Name, &c.Login, user, &c.Scopes,
			&c.Ending, &c.Secret, instant{&c.SecretAt}, instant{&c.CollectedAt}, &c.Owner, &c.Description, &c.State, instant{&c.StateAt},
			instant{&c.ExpiresAt}, &c.RotateEvery, &c.Overlap, &c.Predecessor, &c.Successor, &c.CreatedBy,
			instant{&c.CreatedAt}, instant{&c.UpdatedAt}, &c.Version, instant{&c.Seen.ListedAt}, &c.Seen.ServerScopes,
			instant{&c.Seen.LastUsedAt}, instant{&c.Seen.VerifiedAt}, &c.Seen.Outcome)
		noneIsNil(&c.Scopes, &c.Seen.ServerScopes)
		return err
	}
}

// ids are the columns of the ids there.
func (o *outsideTable) ids(c *store.OutsideCredential) (remote, user any, err error) {
	if !o.numbers {
		return textOrNull(c.RemoteID), c.UserID, nil
	}
	id, of, err := c.Numbers()
	return numberOrNull(id), of, err
}

// OutsideCredential implements [store.OutsideReader].
func (r reader) OutsideCredential(ctx context.Context, system store.System, id string) (store.OutsideCredential, error) {
	o := outsideTableOf(system)
	var c store.OutsideCredential
	err := r.q.row(ctx, "SELECT "+o.columns()+" FROM "+o.name+" WHERE "+o.id+" = $1", []any{id},
		func(r row) error { return o.scan(system)(r, &c) })
	if err != nil {
		return store.OutsideCredential{}, fmt.Errorf("%s %q: %w", o.what, id, err)
	}
	return c, nil
}

// OutsideCredentials implements [store.OutsideReader].
func (r reader) OutsideCredentials(ctx context.Context, system store.System, filter store.OutsideFilter, page store.Page) ([]store.OutsideCredential, store.Cursor, error) {
	o := outsideTableOf(system)
	var c conditions
	c.anyOf("namespace", filter.Scopes)
	c.anyOf("state", outsideStates(filter.States))
	for column, value := range map[string]string{"connection_id": filter.ConnectionID, "login": filter.Login, "owner": filter.Owner} {
		if value != "" {
			c.add(column + " = " + c.arg(value))
		}
	}
	c.add(o.id + " > " + c.arg(string(page.After)))
	query := c.query("SELECT "+o.columns()+" FROM "+o.name, o.id, page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, o.scan(system))
	if err != nil {
		return nil, "", fmt.Errorf("%ss: %w", o.what, err)
	}
	found, next := cutPage(found, page, func(c *store.OutsideCredential) store.Cursor { return store.Cursor(c.ID) })
	return found, next, nil
}

func outsideStates(states []store.OutsideState) []string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = string(s)
	}
	return texts
}

// InsertOutsideCredential implements [store.OutsideWriter].
func (w *writer) InsertOutsideCredential(ctx context.Context, c store.OutsideCredential) error {
	o := outsideTableOf(c.System)
	remote, user, err := o.ids(&c)
	if err != nil {
		return fmt.Errorf("insert %s %q: %w", o.what, c.ID, err)
	}
	_, err = w.q.exec(ctx, "INSERT INTO "+o.name+" ("+o.columns()+`) VALUES (
			$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
		$27, $28, $29, $30)`,
		c.ID, c.ConnectionID, c.Namespace, remote, c.Name, c.Login, user, list(c.Scopes),
		c.Ending, bytesOrNull(c.Secret), timeOrNull(c.SecretAt), timeOrNull(c.CollectedAt), c.Owner, c.Description, string(c.State),
		timeOrNull(c.StateAt), timeOrNull(c.ExpiresAt), c.RotateEvery, c.Overlap, c.Predecessor, c.Successor, c.CreatedBy,
		timeOrNull(c.CreatedAt), timeOrNull(c.UpdatedAt), c.Version, timeOrNull(c.Seen.ListedAt), list(c.Seen.ServerScopes),
		timeOrNull(c.Seen.LastUsedAt), timeOrNull(c.Seen.VerifiedAt), c.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert %s %q: %w", o.what, c.ID, err)
	}
	return nil
}

func (o *outsideTable) version() string {
	return "SELECT version FROM " + o.name + " WHERE " + o.id + " = $1"
}

// UpdateOutsideCredential implements [store.OutsideWriter].
func (w *writer) UpdateOutsideCredential(ctx context.Context, c store.OutsideCredential) error {
	o := outsideTableOf(c.System)
	remote, user, err := o.ids(&c)
	if err != nil {
		return fmt.Errorf("update %s %q: %w", o.what, c.ID, err)
	}
	changed, err := w.q.exec(ctx,
		"UPDATE "+o.name+" SET "+o.remote+" = $1, login = $2, user_id = $3, scopes = $4, "+o.ending+` = $5, secret = $6, secret_at = $7, collected_at = $8, owner = $9,
		description = $10, state = $11, state_at = $12, expires_at = $13, rotate_every = $14, overlap = $15, predecessor = $16,
		successor = $17, updated_at = $18,
			version = version + 1 WHERE `+o.id+" = $19 AND version = $20",
		remote, c.Login, user, list(c.Scopes), c.Ending, bytesOrNull(c.Secret),
		timeOrNull(c.SecretAt), timeOrNull(c.CollectedAt), c.Owner, c.Description, string(c.State), timeOrNull(c.StateAt), timeOrNull(c.ExpiresAt),
		c.RotateEvery, c.Overlap, c.Predecessor, c.Successor, timeOrNull(c.UpdatedAt), c.ID, c.Version)
	if err := w.versioned(ctx, changed, err, o.version(), c.ID); err != nil {
		return fmt.Errorf("update %s %q: %w", o.what, c.ID, err)
	}
	return nil
}

// SetOutsideListed implements [store.OutsideWriter].
func (w *writer) SetOutsideListed(ctx context.Context, system store.System, id string, listed store.OutsideSeen) error {
	o := outsideTableOf(system)
	_, err := w.q.exec(ctx, "UPDATE "+o.name+` SET listed_at = $1, server_scopes = $2, last_used_at = $3
		WHERE `+o.id+" = $4 AND (listed_at IS NULL OR listed_at <= $1)",
		timeOrNull(listed.ListedAt), list(listed.ServerScopes), timeOrNull(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of %s %q: %w", o.what, id, err)
	}
	return nil
}

// SetOutsideVerified implements [store.OutsideWriter].
func (w *writer) SetOutsideVerified(ctx context.Context, system store.System, id string, secretAt time.Time, verified store.OutsideSeen) (bool, error) {
	o := outsideTableOf(system)
	n, err := w.q.exec(ctx, "UPDATE "+o.name+` SET verified_at = $1, outcome = $2
		WHERE `+o.id+" = $3 AND secret_at IS NOT DISTINCT FROM $4 AND (verified_at IS NULL OR verified_at <= $1)",
		timeOrNull(verified.VerifiedAt), verified.Outcome, id, timeOrNull(secretAt))
	if err != nil {
		return false, fmt.Errorf("what was tried of %s %q: %w", o.what, id, err)
	}
	return n > 0, nil
}

// DeleteOutsideCredential implements [store.OutsideWriter].
func (w *writer) DeleteOutsideCredential(ctx context.Context, system store.System, id string, version int64) error {
	o := outsideTableOf(system)
	changed, err := w.q.exec(ctx, "DELETE FROM "+o.name+" WHERE "+o.id+" = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), o.version(), id); err != nil {
		return fmt.Errorf("delete %s %q: %w", o.what, id, err)
	}
	return nil
}

// DeleteOutsideCredentials implements [store.OutsideWriter].
func (w *writer) DeleteOutsideCredentials(ctx context.Context, system store.System, connectionID string) (int, error) {
	o := outsideTableOf(system)
	n, err := w.q.exec(ctx, "DELETE FROM "+o.name+" WHERE connection_id = $1", connectionID)
	if err != nil {
		return 0, fmt.Errorf("delete %ss of %q: %w", o.what, connectionID, err)
	}
	return n, nil
}
