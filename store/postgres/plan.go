package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const planColumns = "namespace, name, description, limits, quotas, created_at, updated_at, version"

func scanPlan(r row, p *store.Plan) error {
	err := r.Scan(&p.Namespace, &p.Name, &p.Description, &p.Limits, &p.Quotas,
		instant{&p.CreatedAt}, instant{&p.UpdatedAt}, &p.Version)
	noneIsNil(&p.Limits)
	noneIsNil(&p.Quotas)
	return err
}

// Plan implements [store.PlanReader].
func (r reader) Plan(ctx context.Context, namespace, name string) (store.Plan, error) {
	var p store.Plan
	err := r.q.row(ctx, "SELECT "+planColumns+" FROM credence.plans WHERE namespace = $1 AND name = $2",
		[]any{namespace, name}, func(r row) error { return scanPlan(r, &p) })
	if err != nil {
		return store.Plan{}, fmt.Errorf("plan %s/%s: %w", namespace, name, err)
	}
	return p, nil
}

// Plans implements [store.PlanReader].
func (r reader) Plans(ctx context.Context, namespaces []string, page store.Page) ([]store.Plan, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", namespaces)
	c.afterName(page.After)
	query := c.query("SELECT "+planColumns+" FROM credence.plans", "namespace, name", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanPlan)
	if err != nil {
		return nil, "", fmt.Errorf("plans: %w", err)
	}
	found, next := cutPage(found, page, func(p *store.Plan) store.Cursor { return nameCursor(p.Namespace, p.Name) })
	return found, next, nil
}

// InsertPlan implements [store.PlanWriter].
func (w *writer) InsertPlan(ctx context.Context, p store.Plan) error {
	_, err := w.q.exec(ctx,
		"INSERT INTO credence.plans ("+planColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		p.Namespace, p.Name, p.Description, list(p.Limits), list(p.Quotas), timeOrNull(p.CreatedAt), timeOrNull(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert plan %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

const planVersion = "SELECT version FROM credence.plans WHERE namespace = $1 AND name = $2"

// UpdatePlan implements [store.PlanWriter].
func (w *writer) UpdatePlan(ctx context.Context, p store.Plan) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.plans SET description = $1, limits = $2, quotas = $3, updated_at = $4, version = version + 1
		WHERE namespace = $5 AND name = $6 AND version = $7`,
		p.Description, list(p.Limits), list(p.Quotas), timeOrNull(p.UpdatedAt), p.Namespace, p.Name, p.Version)
	if err := w.versioned(ctx, changed, err, planVersion, p.Namespace, p.Name); err != nil {
		return fmt.Errorf("update plan %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

// DeletePlan implements [store.PlanWriter].
func (w *writer) DeletePlan(ctx context.Context, namespace, name string, version int64) error {
	changed, err := w.q.exec(ctx,
		"DELETE FROM credence.plans WHERE namespace = $1 AND name = $2 AND version = $3", namespace, name, version)
	if err := w.versioned(ctx, changed, translateDelete(err), planVersion, namespace, name); err != nil {
		return fmt.Errorf("delete plan %s/%s: %w", namespace, name, err)
	}
	return nil
}
