package sqlite

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
		return outsideTable{"gitea_tokens", "gitea token", "token_id", "gitea_token_id", "token_name", "last_eight", true}
	case store.SystemN8N:
		return outsideTable{"n8n_api_keys", "n8n key", "id", "n8n_key_id", "label", "last_four", false}
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
		return r.Scan(&c.ID, &c.ConnectionID, &c.Namespace, remote, &c.Name, &c.Login, user,
			items[string]{&c.Scopes}, &c.Ending, &c.Secret, instant{&c.SecretAt}, instant{&c.CollectedAt}, &c.Owner, &c.Description, &c.State,
			instant{&c.StateAt}, instant{&c.ExpiresAt}, span{&c.RotateEvery}, span{&c.Overlap}, &c.Predecessor, &c.Successor,
			&c.CreatedBy, instant{&c.CreatedAt}, instant{&c.UpdatedAt}, &c.Version, instant{&c.Seen.ListedAt},
			items[string]{&c.Seen.ServerScopes}, instant{&c.Seen.LastUsedAt}, instant{&c.Seen.VerifiedAt}, &c.Seen.Outcome)
	}
}

// values are the columns that do not take what there is as it is.
func (o *outsideTable) values(c *store.OutsideCredential) (remote, user any, scopes, listed string, err error) {
	if scopes, err = list(c.Scopes); err == nil {
		listed, err = list(c.Seen.ServerScopes)
	}
	if err != nil || !o.numbers {
		return textOrNull(c.RemoteID), c.UserID, scopes, listed, err
	}
	id, of, err := c.Numbers()
	return numberOrNull(id), of, scopes, listed, err
}

// OutsideCredential implements [store.OutsideReader].
func (r reader) OutsideCredential(ctx context.Context, system store.System, id string) (store.OutsideCredential, error) {
	o := outsideTableOf(system)
	var c store.OutsideCredential
	err := o.scan(system)(r.q.QueryRowContext(ctx, "SELECT "+o.columns()+" FROM "+o.name+" WHERE "+o.id+" = ?", id), &c)
	if err != nil {
		return store.OutsideCredential{}, fmt.Errorf("%s %q: %w", o.what, id, translate(err))
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
			c.add(column+" = ?", value)
		}
	}
	c.add(o.id+" > ?", string(page.After))
	query := c.query("SELECT "+o.columns()+" FROM "+o.name, " ORDER BY "+o.id+" LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), o.scan(system))
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
	remote, user, scopes, listed, err := o.values(&c)
	if err != nil {
		return fmt.Errorf("insert %s %q: %w", o.what, c.ID, err)
	}
	//nolint:gosec // names of a table and its columns
	_, err = w.tx.ExecContext(ctx, "INSERT INTO "+o.name+" ("+o.columns()+`) VALUES (
			?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.ConnectionID, c.Namespace, remote, c.Name, c.Login, user, scopes, c.Ending,
		bytesOrNull(c.Secret), micros(c.SecretAt), micros(c.CollectedAt), c.Owner, c.Description, string(c.State), micros(c.StateAt),
		micros(c.ExpiresAt), c.RotateEvery.Microseconds(), c.Overlap.Microseconds(), c.Predecessor, c.Successor, c.CreatedBy,
		micros(c.CreatedAt), micros(c.UpdatedAt), c.Version, micros(c.Seen.ListedAt), listed, micros(c.Seen.LastUsedAt),
		micros(c.Seen.VerifiedAt), c.Seen.Outcome)
	if err != nil {
		return fmt.Errorf("insert %s %q: %w", o.what, c.ID, translate(err))
	}
	return nil
}

func (o *outsideTable) version() string {
	return "SELECT version FROM " + o.name + " WHERE " + o.id + " = ?"
}

// UpdateOutsideCredential implements [store.OutsideWriter].
func (w *writer) UpdateOutsideCredential(ctx context.Context, c store.OutsideCredential) error {
	o := outsideTableOf(c.System)
	remote, user, scopes, _, err := o.values(&c)
	if err != nil {
		return fmt.Errorf("update %s %q: %w", o.what, c.ID, err)
	}
	//nolint:gosec // names of a table and its columns
	result, err := w.tx.ExecContext(ctx,
		"UPDATE "+o.name+" SET "+o.remote+" = ?, login = ?, user_id = ?, scopes = ?, "+o.ending+` = ?, secret = ?, secret_at = ?, collected_at = ?, owner = ?,
		description = ?, state = ?, state_at = ?, expires_at = ?, rotate_every = ?, overlap = ?, predecessor = ?, successor = ?,
		updated_at = ?,
			version = version + 1 WHERE `+o.id+" = ? AND version = ?",
		remote, c.Login, user, scopes, c.Ending, bytesOrNull(c.Secret), micros(c.SecretAt), micros(c.CollectedAt),
		c.Owner, c.Description, string(c.State), micros(c.StateAt), micros(c.ExpiresAt), c.RotateEvery.Microseconds(),
		c.Overlap.Microseconds(), c.Predecessor, c.Successor, micros(c.UpdatedAt), c.ID, c.Version)
	if err != nil {
		return fmt.Errorf("update %s %q: %w", o.what, c.ID, translate(err))
	}
	if err := w.versioned(ctx, result, o.version(), c.ID); err != nil {
		return fmt.Errorf("update %s %q: %w", o.what, c.ID, err)
	}
	return nil
}

// SetOutsideListed implements [store.OutsideWriter].
func (w *writer) SetOutsideListed(ctx context.Context, system store.System, id string, listed store.OutsideSeen) error {
	o := outsideTableOf(system)
	scopes, err := list(listed.ServerScopes)
	if err != nil {
		return fmt.Errorf("what is listed of %s %q: %w", o.what, id, err)
	}
	//nolint:gosec // names of a table and its columns
	_, err = w.tx.ExecContext(ctx, "UPDATE "+o.name+` SET listed_at = ?1, server_scopes = ?2, last_used_at = ?3
		WHERE `+o.id+" = ?4 AND (listed_at IS NULL OR listed_at <= ?1)",
		micros(listed.ListedAt), scopes, micros(listed.LastUsedAt), id)
	if err != nil {
		return fmt.Errorf("what is listed of %s %q: %w", o.what, id, translate(err))
	}
	return nil
}

// SetOutsideVerified implements [store.OutsideWriter].
func (w *writer) SetOutsideVerified(ctx context.Context, system store.System, id string, secretAt time.Time, verified store.OutsideSeen) (bool, error) {
	o := outsideTableOf(system)
	n, err := removed(w.tx.ExecContext(ctx, "UPDATE "+o.name+` SET verified_at = ?1, outcome = ?2
		WHERE `+o.id+" = ?3 AND secret_at IS ?4 AND (verified_at IS NULL OR verified_at <= ?1)",
		micros(verified.VerifiedAt), verified.Outcome, id, micros(secretAt)))
	if err != nil {
		return false, fmt.Errorf("what was tried of %s %q: %w", o.what, id, err)
	}
	return n > 0, nil
}

// DeleteOutsideCredential implements [store.OutsideWriter].
func (w *writer) DeleteOutsideCredential(ctx context.Context, system store.System, id string, version int64) error {
	o := outsideTableOf(system)
	//nolint:gosec // names of a table and its columns
	result, err := w.tx.ExecContext(ctx, "DELETE FROM "+o.name+" WHERE "+o.id+" = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", o.what, id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, o.version(), id); err != nil {
		return fmt.Errorf("delete %s %q: %w", o.what, id, err)
	}
	return nil
}

// DeleteOutsideCredentials implements [store.OutsideWriter].
func (w *writer) DeleteOutsideCredentials(ctx context.Context, system store.System, connectionID string) (int, error) {
	o := outsideTableOf(system)
	n, err := removed(w.tx.ExecContext(ctx, "DELETE FROM "+o.name+" WHERE connection_id = ?", connectionID))
	if err != nil {
		return 0, fmt.Errorf("delete %ss of %q: %w", o.what, connectionID, err)
	}
	return n, nil
}
