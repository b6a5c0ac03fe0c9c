package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const ownerColumns = "namespace, name, description, contact, limits, quotas, created_at, updated_at, version"

func scanOwner(r row, o *store.Owner) error {
	err := r.Scan(&o.Namespace, &o.Name, &o.Description, &o.Contact, &o.Limits, &o.Quotas,
		instant{&o.CreatedAt}, instant{&o.UpdatedAt}, &o.Version)
	noneIsNil(&o.Limits)
	noneIsNil(&o.Quotas)
	return err
}

// Owner implements [store.OwnerReader].
func (r reader) Owner(ctx context.Context, namespace, name string) (store.Owner, error) {
	var o store.Owner
	err := r.q.row(ctx, "SELECT "+ownerColumns+" FROM credence.owners WHERE namespace = $1 AND name = $2",
		[]any{namespace, name}, func(r row) error { return scanOwner(r, &o) })
	if err != nil {
		return store.Owner{}, fmt.Errorf("owner %s/%s: %w", namespace, name, err)
	}
	return o, nil
}

// Owners implements [store.OwnerReader].
func (r reader) Owners(ctx context.Context, namespaces []string, page store.Page) ([]store.Owner, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", namespaces)
	c.afterName(page.After)
	query := c.query("SELECT "+ownerColumns+" FROM credence.owners", "namespace, name", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanOwner)
	if err != nil {
		return nil, "", fmt.Errorf("owners: %w", err)
	}
	found, next := cutPage(found, page, func(o *store.Owner) store.Cursor { return nameCursor(o.Namespace, o.Name) })
	return found, next, nil
}

// InsertOwner implements [store.OwnerWriter].
func (w *writer) InsertOwner(ctx context.Context, o store.Owner) error {
	_, err := w.q.exec(ctx,
		"INSERT INTO credence.owners ("+ownerColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		o.Namespace, o.Name, o.Description, o.Contact, list(o.Limits), list(o.Quotas),
		timeOrNull(o.CreatedAt), timeOrNull(o.UpdatedAt), o.Version)
	if err != nil {
		return fmt.Errorf("insert owner %s/%s: %w", o.Namespace, o.Name, err)
	}
	return nil
}

const ownerVersion = "SELECT version FROM credence.owners WHERE namespace = $1 AND name = $2"

// UpdateOwner implements [store.OwnerWriter].
func (w *writer) UpdateOwner(ctx context.Context, o store.Owner) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.owners SET description = $1, contact = $2, limits = $3, quotas = $4, updated_at = $5,
			version = version + 1
		WHERE namespace = $6 AND name = $7 AND version = $8`,
		o.Description, o.Contact, list(o.Limits), list(o.Quotas), timeOrNull(o.UpdatedAt), o.Namespace, o.Name, o.Version)
	if err := w.versioned(ctx, changed, err, ownerVersion, o.Namespace, o.Name); err != nil {
		return fmt.Errorf("update owner %s/%s: %w", o.Namespace, o.Name, err)
	}
	return nil
}

// DeleteOwner implements [store.OwnerWriter].
func (w *writer) DeleteOwner(ctx context.Context, namespace, name string, version int64) error {
	changed, err := w.q.exec(ctx,
		"DELETE FROM credence.owners WHERE namespace = $1 AND name = $2 AND version = $3", namespace, name, version)
	if err := w.versioned(ctx, changed, translateDelete(err), ownerVersion, namespace, name); err != nil {
		return fmt.Errorf("delete owner %s/%s: %w", namespace, name, err)
	}
	return nil
}
