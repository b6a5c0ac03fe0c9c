package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const connectionColumns = `connection_id, kind, name, namespace, description, url, account, credential, ca, server_name,
	logins, scopes, settings, state, state_reason, state_at, created_by, created_at, updated_at, version, seen_at, server_version`

func scanConnection(r row, c *store.Connection) error {
	err := r.Scan(&c.ID, &c.Kind, &c.Name, optionalText{&c.Namespace}, &c.Description, &c.URL, &c.Account, &c.Credential, &c.CA, &c.ServerName,
		&c.Logins, &c.Scopes, &c.Settings, &c.State, &c.StateReason, instant{&c.StateAt},
		&c.CreatedBy, instant{&c.CreatedAt}, instant{&c.UpdatedAt}, &c.Version, instant{&c.Seen.At}, &c.Seen.ServerVersion)
	noneIsNil(&c.Logins, &c.Scopes)
	if len(c.Settings) == 0 {
		c.Settings = nil
	}
	return err
}

// Connection implements [store.ConnectionReader].
func (r reader) Connection(ctx context.Context, id string) (store.Connection, error) {
	return r.connection(ctx, "connection_id = $1", id)
}

// ConnectionNamed implements [store.ConnectionReader].
func (r reader) ConnectionNamed(ctx context.Context, kind store.ConnectionKind, name string) (store.Connection, error) {
	return r.connection(ctx, "kind = $1 AND name = $2", string(kind), name)
}

func (r reader) connection(ctx context.Context, where string, args ...any) (store.Connection, error) {
	var c store.Connection
	err := r.q.row(ctx, "SELECT "+connectionColumns+" FROM credence.connections WHERE "+where, args,
		func(r row) error { return scanConnection(r, &c) })
	if err != nil {
		return store.Connection{}, fmt.Errorf("connection %q: %w", args[len(args)-1], err)
	}
	return c, nil
}

// Connections implements [store.ConnectionReader].
func (r reader) Connections(ctx context.Context, kind store.ConnectionKind, scopes []string, page store.Page) ([]store.Connection, store.Cursor, error) {
	var c conditions
	c.add("kind = " + c.arg(string(kind)))
	c.anyOf("coalesce(namespace, '')", scopes)
	c.add("name > " + c.arg(string(page.After)))
	query := c.query("SELECT "+connectionColumns+" FROM credence.connections", "name", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanConnection)
	if err != nil {
		return nil, "", fmt.Errorf("connections: %w", err)
	}
	found, next := cutPage(found, page, func(c *store.Connection) store.Cursor { return store.Cursor(c.Name) })
	return found, next, nil
}

// InsertConnection implements [store.ConnectionWriter].
func (w *writer) InsertConnection(ctx context.Context, c store.Connection) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.connections ("+connectionColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
		c.ID, string(c.Kind), c.Name, textOrNull(c.Namespace), c.Description, c.URL, c.Account, c.Credential, c.CA, c.ServerName,
		list(c.Logins), list(c.Scopes), object(c.Settings), string(c.State), string(c.StateReason), timeOrNull(c.StateAt), c.CreatedBy,
		timeOrNull(c.CreatedAt), timeOrNull(c.UpdatedAt), c.Version, timeOrNull(c.Seen.At), c.Seen.ServerVersion)
	if err != nil {
		return fmt.Errorf("insert connection %q: %w", c.Name, err)
	}
	return nil
}

const connectionVersion = "SELECT version FROM credence.connections WHERE connection_id = $1"

// UpdateConnection implements [store.ConnectionWriter].
func (w *writer) UpdateConnection(ctx context.Context, c store.Connection) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.connections SET description = $1, url = $2, account = $3, credential = $4, ca = $5, server_name = $6, logins = $7,
			scopes = $8, settings = $9, state = $10, state_reason = $11, state_at = $12, updated_at = $13, version = version + 1
		WHERE connection_id = $14 AND version = $15`,
		c.Description, c.URL, c.Account, c.Credential, c.CA, c.ServerName, list(c.Logins), list(c.Scopes), object(c.Settings),
		string(c.State), string(c.StateReason), timeOrNull(c.StateAt), timeOrNull(c.UpdatedAt), c.ID, c.Version)
	if err := w.versioned(ctx, changed, err, connectionVersion, c.ID); err != nil {
		return fmt.Errorf("update connection %q: %w", c.Name, err)
	}
	return nil
}

// SetConnectionSeen implements [store.ConnectionWriter].
func (w *writer) SetConnectionSeen(ctx context.Context, id string, seen store.ConnectionSeen) error {
	_, err := w.q.exec(ctx, "UPDATE credence.connections SET seen_at = $1, server_version = $2 WHERE connection_id = $3",
		timeOrNull(seen.At), seen.ServerVersion, id)
	if err != nil {
		return fmt.Errorf("what was seen of connection %q: %w", id, err)
	}
	return nil
}

// DeleteConnection implements [store.ConnectionWriter].
func (w *writer) DeleteConnection(ctx context.Context, id string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.connections WHERE connection_id = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), connectionVersion, id); err != nil {
		return fmt.Errorf("delete connection %q: %w", id, err)
	}
	return nil
}
