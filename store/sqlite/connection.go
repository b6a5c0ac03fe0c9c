package sqlite

import (
	"context"
	"fmt"

	"credence/store"
)

const connectionColumns = `connection_id, kind, name, namespace, description, url, account, credential, ca, server_name,
	logins, scopes, settings, state, state_reason, state_at, created_by, created_at, updated_at, version, seen_at, server_version`

func scanConnection(r row, c *store.Connection) error {
	return r.Scan(&c.ID, &c.Kind, &c.Name, optionalText{&c.Namespace}, &c.Description, &c.URL, &c.Account, &c.Credential, &c.CA, &c.ServerName,
		items[string]{&c.Logins}, items[string]{&c.Scopes}, pairs{&c.Settings}, &c.State, &c.StateReason, instant{&c.StateAt},
		&c.CreatedBy, instant{&c.CreatedAt}, instant{&c.UpdatedAt}, &c.Version, instant{&c.Seen.At}, &c.Seen.ServerVersion)
}

// Connection implements [store.ConnectionReader].
func (r reader) Connection(ctx context.Context, id string) (store.Connection, error) {
	return r.connection(ctx, "connection_id = ?", id)
}

// ConnectionNamed implements [store.ConnectionReader].
func (r reader) ConnectionNamed(ctx context.Context, kind store.ConnectionKind, name string) (store.Connection, error) {
	return r.connection(ctx, "kind = ? AND name = ?", string(kind), name)
}

func (r reader) connection(ctx context.Context, where string, args ...any) (store.Connection, error) {
	var c store.Connection
	err := scanConnection(r.q.QueryRowContext(ctx, "SELECT "+connectionColumns+" FROM connections WHERE "+where, args...), &c)
	if err != nil {
		return store.Connection{}, fmt.Errorf("connection %q: %w", args[len(args)-1], translate(err))
	}
	return c, nil
}

// Connections implements [store.ConnectionReader].
func (r reader) Connections(ctx context.Context, kind store.ConnectionKind, scopes []string, page store.Page) ([]store.Connection, store.Cursor, error) {
	var c conditions
	c.add("kind = ?", string(kind))
	c.anyOf("ifnull(namespace, '')", scopes)
	c.add("name > ?", string(page.After))
	query := c.query("SELECT "+connectionColumns+" FROM connections", " ORDER BY name LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanConnection)
	if err != nil {
		return nil, "", fmt.Errorf("connections: %w", err)
	}
	found, next := cutPage(found, page, func(c *store.Connection) store.Cursor { return store.Cursor(c.Name) })
	return found, next, nil
}

// connectionLists are the columns of the lists and the settings.
func connectionLists(c *store.Connection) (logins, scopes, settings string, err error) {
	if logins, err = list(c.Logins); err != nil {
		return "", "", "", err
	}
	if scopes, err = list(c.Scopes); err != nil {
		return "", "", "", err
	}
	settings, err = object(c.Settings)
	return logins, scopes, settings, err
}

// InsertConnection implements [store.ConnectionWriter].
func (w *writer) InsertConnection(ctx context.Context, c store.Connection) error {
	logins, scopes, settings, err := connectionLists(&c)
	if err != nil {
		return fmt.Errorf("insert connection %q: %w", c.Name, err)
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO connections ("+connectionColumns+
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		c.ID, string(c.Kind), c.Name, textOrNull(c.Namespace), c.Description, c.URL, c.Account, c.Credential, c.CA, c.ServerName,
		logins, scopes, settings, string(c.State), string(c.StateReason), micros(c.StateAt), c.CreatedBy, micros(c.CreatedAt),
		micros(c.UpdatedAt), c.Version, micros(c.Seen.At), c.Seen.ServerVersion)
	if err != nil {
		return fmt.Errorf("insert connection %q: %w", c.Name, translate(err))
	}
	return nil
}

const connectionVersion = "SELECT version FROM connections WHERE connection_id = ?"

// UpdateConnection implements [store.ConnectionWriter].
func (w *writer) UpdateConnection(ctx context.Context, c store.Connection) error {
	logins, scopes, settings, err := connectionLists(&c)
	if err != nil {
		return fmt.Errorf("update connection %q: %w", c.Name, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE connections SET description = ?, url = ?, account = ?, credential = ?, ca = ?, server_name = ?, logins = ?, scopes = ?,
			settings = ?, state = ?, state_reason = ?, state_at = ?, updated_at = ?, version = version + 1
		WHERE connection_id = ? AND version = ?`,
		c.Description, c.URL, c.Account, c.Credential, c.CA, c.ServerName, logins, scopes, settings,
		string(c.State), string(c.StateReason), micros(c.StateAt), micros(c.UpdatedAt), c.ID, c.Version)
	if err != nil {
		return fmt.Errorf("update connection %q: %w", c.Name, translate(err))
	}
	if err := w.versioned(ctx, result, connectionVersion, c.ID); err != nil {
		return fmt.Errorf("update connection %q: %w", c.Name, err)
	}
	return nil
}

// SetConnectionSeen implements [store.ConnectionWriter].
func (w *writer) SetConnectionSeen(ctx context.Context, id string, seen store.ConnectionSeen) error {
	_, err := w.tx.ExecContext(ctx, "UPDATE connections SET seen_at = ?, server_version = ? WHERE connection_id = ?",
		micros(seen.At), seen.ServerVersion, id)
	if err != nil {
		return fmt.Errorf("what was seen of connection %q: %w", id, translate(err))
	}
	return nil
}

// DeleteConnection implements [store.ConnectionWriter].
func (w *writer) DeleteConnection(ctx context.Context, id string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM connections WHERE connection_id = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete connection %q: %w", id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, connectionVersion, id); err != nil {
		return fmt.Errorf("delete connection %q: %w", id, err)
	}
	return nil
}
