package sqlite

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
	err := scanNamespace(r.q.QueryRowContext(ctx, "SELECT "+namespaceColumns+" FROM namespaces WHERE name = ?", name), &n)
	if err != nil {
		return store.Namespace{}, fmt.Errorf("namespace %q: %w", name, translate(err))
	}
	return n, nil
}

// Namespaces implements [store.NamespaceReader].
func (r reader) Namespaces(ctx context.Context, page store.Page) ([]store.Namespace, store.Cursor, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+namespaceColumns+" FROM namespaces WHERE name > ? ORDER BY name LIMIT ?",
		[]any{string(page.After), page.Size() + 1}, scanNamespace)
	if err != nil {
		return nil, "", fmt.Errorf("namespaces: %w", err)
	}
	found, next := cutPage(found, page, func(n *store.Namespace) store.Cursor { return store.Cursor(n.Name) })
	return found, next, nil
}

// InsertNamespace implements [store.NamespaceWriter].
func (w *writer) InsertNamespace(ctx context.Context, n store.Namespace) error {
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO namespaces ("+namespaceColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		n.Name, n.Description, n.KeyPrefix, n.Environment, micros(n.CreatedAt), micros(n.UpdatedAt), n.Version)
	if err != nil {
		return fmt.Errorf("insert namespace %q: %w", n.Name, translate(err))
	}
	return nil
}

// UpdateNamespace implements [store.NamespaceWriter].
func (w *writer) UpdateNamespace(ctx context.Context, n store.Namespace) error {
	result, err := w.tx.ExecContext(ctx,
		`UPDATE namespaces SET description = ?, key_prefix = ?, environment = ?, updated_at = ?, version = version + 1
		WHERE name = ? AND version = ?`,
		n.Description, n.KeyPrefix, n.Environment, micros(n.UpdatedAt), n.Name, n.Version)
	if err != nil {
		return fmt.Errorf("update namespace %q: %w", n.Name, translate(err))
	}
	if err := w.versioned(ctx, result, "SELECT version FROM namespaces WHERE name = ?", n.Name); err != nil {
		return fmt.Errorf("update namespace %q: %w", n.Name, err)
	}
	return nil
}

// DeleteNamespace implements [store.NamespaceWriter].
func (w *writer) DeleteNamespace(ctx context.Context, name string, version int64) error {
	if name == store.DefaultNamespace {
		return fmt.Errorf("delete namespace %q: %w: it is the namespace of everything that names none", name, store.ErrReferenced)
	}
	result, err := w.tx.ExecContext(ctx, "DELETE FROM namespaces WHERE name = ? AND version = ?", name, version)
	if err != nil {
		return fmt.Errorf("delete namespace %q: %w", name, translateDelete(err))
	}
	if err := w.versioned(ctx, result, "SELECT version FROM namespaces WHERE name = ?", name); err != nil {
		return fmt.Errorf("delete namespace %q: %w", name, err)
	}
	return nil
}
