package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const namespaceColumns = "name, description, key_prefix, environment, created_at, updated_at, version"

func scanNamespace(r row, n *store.Namespace) error {
	return r.Scan(&n.Name, &n.Description, &n.KeyPrefix, &n.Environment,
		instant{&n.CreatedAt}, instant{&n.UpdatedAt}, &n.Version)
}

// Namespace implements [store.NamespaceReader].
func (r reader) Namespace(ctx context.Context, name string) (store.Namespace, error) {
	var n store.Namespace
	err := r.q.row(ctx, "SELECT "+namespaceColumns+" FROM credence.namespaces WHERE name = $1", []any{name},
		func(r row) error { return scanNamespace(r, &n) })
	if err != nil {
		return store.Namespace{}, fmt.Errorf("namespace %q: %w", name, err)
	}
	return n, nil
}

// Namespaces implements [store.NamespaceReader].
func (r reader) Namespaces(ctx context.Context, page store.Page) ([]store.Namespace, store.Cursor, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+namespaceColumns+" FROM credence.namespaces WHERE name > $1 ORDER BY name LIMIT $2",
		[]any{string(page.After), page.Size() + 1}, scanNamespace)
	if err != nil {
		return nil, "", fmt.Errorf("namespaces: %w", err)
	}
	found, next := cutPage(found, page, func(n *store.Namespace) store.Cursor { return store.Cursor(n.Name) })
	return found, next, nil
}

// InsertNamespace implements [store.NamespaceWriter].
func (w *writer) InsertNamespace(ctx context.Context, n store.Namespace) error {
	_, err := w.q.exec(ctx,
		"INSERT INTO credence.namespaces ("+namespaceColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
		n.Name, n.Description, n.KeyPrefix, n.Environment, timeOrNull(n.CreatedAt), timeOrNull(n.UpdatedAt), n.Version)
	if err != nil {
		return fmt.Errorf("insert namespace %q: %w", n.Name, err)
	}
	return nil
}

const namespaceVersion = "SELECT version FROM credence.namespaces WHERE name = $1"

// UpdateNamespace implements [store.NamespaceWriter].
func (w *writer) UpdateNamespace(ctx context.Context, n store.Namespace) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.namespaces SET description = $1, key_prefix = $2, environment = $3, updated_at = $4,
			version = version + 1
		WHERE name = $5 AND version = $6`,
		n.Description, n.KeyPrefix, n.Environment, timeOrNull(n.UpdatedAt), n.Name, n.Version)
	if err := w.versioned(ctx, changed, err, namespaceVersion, n.Name); err != nil {
		return fmt.Errorf("update namespace %q: %w", n.Name, err)
	}
	return nil
}

// DeleteNamespace implements [store.NamespaceWriter].
func (w *writer) DeleteNamespace(ctx context.Context, name string, version int64) error {
	if name == store.DefaultNamespace {
		return fmt.Errorf("delete namespace %q: %w: it is the namespace of everything that names none", name, store.ErrReferenced)
	}
	changed, err := w.q.exec(ctx, "DELETE FROM credence.namespaces WHERE name = $1 AND version = $2", name, version)
	if err := w.versioned(ctx, changed, translateDelete(err), namespaceVersion, name); err != nil {
		return fmt.Errorf("delete namespace %q: %w", name, err)
	}
	return nil
}
