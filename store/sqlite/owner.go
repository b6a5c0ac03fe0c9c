package sqlite

import (
	"context"
	"errors"
	"fmt"

	"credence/store"
	"credence/store/limit"
)

const ownerColumns = "namespace, name, description, contact, limits, quotas, created_at, updated_at, version"

func scanOwner(r row, o *store.Owner) error {
	return r.Scan(&o.Namespace, &o.Name, &o.Description, &o.Contact, items[limit.Limit]{&o.Limits}, items[limit.Quota]{&o.Quotas},
		instant{&o.CreatedAt}, instant{&o.UpdatedAt}, &o.Version)
}

// Owner implements [store.OwnerReader].
func (r reader) Owner(ctx context.Context, namespace, name string) (store.Owner, error) {
	var o store.Owner
	err := scanOwner(r.q.QueryRowContext(ctx,
		"SELECT "+ownerColumns+" FROM owners WHERE namespace = ? AND name = ?", namespace, name), &o)
	if err != nil {
		return store.Owner{}, fmt.Errorf("owner %s/%s: %w", namespace, name, translate(err))
	}
	return o, nil
}

// Owners implements [store.OwnerReader].
func (r reader) Owners(ctx context.Context, namespaces []string, page store.Page) ([]store.Owner, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", namespaces)
	c.afterName(page.After)
	query := c.query("SELECT "+ownerColumns+" FROM owners", " ORDER BY namespace, name LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanOwner)
	if err != nil {
		return nil, "", fmt.Errorf("owners: %w", err)
	}
	found, next := cutPage(found, page, func(o *store.Owner) store.Cursor { return nameCursor(o.Namespace, o.Name) })
	return found, next, nil
}

// InsertOwner implements [store.OwnerWriter].
func (w *writer) InsertOwner(ctx context.Context, o store.Owner) error {
	limits, limitsErr := list(o.Limits)
	quotas, quotasErr := list(o.Quotas)
	if err := errors.Join(limitsErr, quotasErr); err != nil {
		return fmt.Errorf("insert owner %s/%s: %w", o.Namespace, o.Name, err)
	}
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO owners ("+ownerColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		o.Namespace, o.Name, o.Description, o.Contact, limits, quotas, micros(o.CreatedAt), micros(o.UpdatedAt), o.Version)
	if err != nil {
		return fmt.Errorf("insert owner %s/%s: %w", o.Namespace, o.Name, translate(err))
	}
	return nil
}

const ownerVersion = "SELECT version FROM owners WHERE namespace = ? AND name = ?"

// UpdateOwner implements [store.OwnerWriter].
func (w *writer) UpdateOwner(ctx context.Context, o store.Owner) error {
	limits, limitsErr := list(o.Limits)
	quotas, quotasErr := list(o.Quotas)
	if err := errors.Join(limitsErr, quotasErr); err != nil {
		return fmt.Errorf("update owner %s/%s: %w", o.Namespace, o.Name, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE owners SET description = ?, contact = ?, limits = ?, quotas = ?, updated_at = ?, version = version + 1
		WHERE namespace = ? AND name = ? AND version = ?`,
		o.Description, o.Contact, limits, quotas, micros(o.UpdatedAt), o.Namespace, o.Name, o.Version)
	if err != nil {
		return fmt.Errorf("update owner %s/%s: %w", o.Namespace, o.Name, translate(err))
	}
	if err := w.versioned(ctx, result, ownerVersion, o.Namespace, o.Name); err != nil {
		return fmt.Errorf("update owner %s/%s: %w", o.Namespace, o.Name, err)
	}
	return nil
}

// DeleteOwner implements [store.OwnerWriter].
func (w *writer) DeleteOwner(ctx context.Context, namespace, name string, version int64) error {
	result, err := w.tx.ExecContext(ctx,
		"DELETE FROM owners WHERE namespace = ? AND name = ? AND version = ?", namespace, name, version)
	if err != nil {
		return fmt.Errorf("delete owner %s/%s: %w", namespace, name, translateDelete(err))
	}
	if err := w.versioned(ctx, result, ownerVersion, namespace, name); err != nil {
		return fmt.Errorf("delete owner %s/%s: %w", namespace, name, err)
	}
	return nil
}
