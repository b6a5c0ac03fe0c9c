package sqlite

import (
	"context"
	"errors"
	"fmt"

	"credence/store"
	"credence/store/limit"
)

const planColumns = "namespace, name, description, limits, quotas, created_at, updated_at, version"

func scanPlan(r row, p *store.Plan) error {
	return r.Scan(&p.Namespace, &p.Name, &p.Description, items[limit.Limit]{&p.Limits}, items[limit.Quota]{&p.Quotas},
		instant{&p.CreatedAt}, instant{&p.UpdatedAt}, &p.Version)
}

// Plan implements [store.PlanReader].
func (r reader) Plan(ctx context.Context, namespace, name string) (store.Plan, error) {
	var p store.Plan
	err := scanPlan(r.q.QueryRowContext(ctx,
		"SELECT "+planColumns+" FROM plans WHERE namespace = ? AND name = ?", namespace, name), &p)
	if err != nil {
		return store.Plan{}, fmt.Errorf("plan %s/%s: %w", namespace, name, translate(err))
	}
	return p, nil
}

// Plans implements [store.PlanReader].
func (r reader) Plans(ctx context.Context, namespaces []string, page store.Page) ([]store.Plan, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", namespaces)
	c.afterName(page.After)
	query := c.query("SELECT "+planColumns+" FROM plans", " ORDER BY namespace, name LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanPlan)
	if err != nil {
		return nil, "", fmt.Errorf("plans: %w", err)
	}
	found, next := cutPage(found, page, func(p *store.Plan) store.Cursor { return nameCursor(p.Namespace, p.Name) })
	return found, next, nil
}

// InsertPlan implements [store.PlanWriter].
func (w *writer) InsertPlan(ctx context.Context, p store.Plan) error {
	limits, limitsErr := list(p.Limits)
	quotas, quotasErr := list(p.Quotas)
	if err := errors.Join(limitsErr, quotasErr); err != nil {
		return fmt.Errorf("insert plan %s/%s: %w", p.Namespace, p.Name, err)
	}
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO plans ("+planColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		p.Namespace, p.Name, p.Description, limits, quotas, micros(p.CreatedAt), micros(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert plan %s/%s: %w", p.Namespace, p.Name, translate(err))
	}
	return nil
}

const planVersion = "SELECT version FROM plans WHERE namespace = ? AND name = ?"

// UpdatePlan implements [store.PlanWriter].
func (w *writer) UpdatePlan(ctx context.Context, p store.Plan) error {
	limits, limitsErr := list(p.Limits)
	quotas, quotasErr := list(p.Quotas)
	if err := errors.Join(limitsErr, quotasErr); err != nil {
		return fmt.Errorf("update plan %s/%s: %w", p.Namespace, p.Name, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE plans SET description = ?, limits = ?, quotas = ?, updated_at = ?, version = version + 1
		WHERE namespace = ? AND name = ? AND version = ?`,
		p.Description, limits, quotas, micros(p.UpdatedAt), p.Namespace, p.Name, p.Version)
	if err != nil {
		return fmt.Errorf("update plan %s/%s: %w", p.Namespace, p.Name, translate(err))
	}
	if err := w.versioned(ctx, result, planVersion, p.Namespace, p.Name); err != nil {
		return fmt.Errorf("update plan %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

// DeletePlan implements [store.PlanWriter].
func (w *writer) DeletePlan(ctx context.Context, namespace, name string, version int64) error {
	result, err := w.tx.ExecContext(ctx,
		"DELETE FROM plans WHERE namespace = ? AND name = ? AND version = ?", namespace, name, version)
	if err != nil {
		return fmt.Errorf("delete plan %s/%s: %w", namespace, name, translateDelete(err))
	}
	if err := w.versioned(ctx, result, planVersion, namespace, name); err != nil {
		return fmt.Errorf("delete plan %s/%s: %w", namespace, name, err)
	}
	return nil
}
