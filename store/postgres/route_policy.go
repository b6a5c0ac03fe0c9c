package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const routePolicyColumns = `name, description, namespaces, scopes, environment, cost, shadow, anonymous,
	hosts, paths, methods, created_at, updated_at, version`

func scanRoutePolicy(r row, p *store.RoutePolicy) error {
	err := r.Scan(&p.Name, &p.Description, &p.Namespaces, &p.Scopes, &p.Environment, &p.Cost, &p.Shadow, &p.Anonymous,
		&p.Hosts, &p.Paths, &p.Methods, instant{&p.CreatedAt}, instant{&p.UpdatedAt}, &p.Version)
	noneIsNil(&p.Namespaces, &p.Scopes, &p.Hosts, &p.Paths, &p.Methods)
	return err
}

// RoutePolicy implements [store.RoutePolicyReader].
func (r reader) RoutePolicy(ctx context.Context, name string) (store.RoutePolicy, error) {
	var p store.RoutePolicy
	err := r.q.row(ctx, "SELECT "+routePolicyColumns+" FROM credence.route_policies WHERE name = $1",
		[]any{name}, func(r row) error { return scanRoutePolicy(r, &p) })
	if err != nil {
		return store.RoutePolicy{}, fmt.Errorf("route policy %s: %w", name, err)
	}
	return p, nil
}

// RoutePolicies implements [store.RoutePolicyReader].
func (r reader) RoutePolicies(ctx context.Context, page store.Page) ([]store.RoutePolicy, store.Cursor, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+routePolicyColumns+" FROM credence.route_policies WHERE name > $1 ORDER BY name LIMIT $2",
		[]any{string(page.After), page.Size() + 1}, scanRoutePolicy)
	if err != nil {
		return nil, "", fmt.Errorf("route policies: %w", err)
	}
	found, next := cutPage(found, page, func(p *store.RoutePolicy) store.Cursor { return store.Cursor(p.Name) })
	return found, next, nil
}

// InsertRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) InsertRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	_, err := w.q.exec(ctx,
		"INSERT INTO credence.route_policies ("+routePolicyColumns+
			") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		p.Name, p.Description, list(p.Namespaces), list(p.Scopes), p.Environment, p.Cost, p.Shadow, p.Anonymous,
		list(p.Hosts), list(p.Paths), list(p.Methods), timeOrNull(p.CreatedAt), timeOrNull(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert route policy %s: %w", p.Name, err)
	}
	return nil
}

const routePolicyVersion = "SELECT version FROM credence.route_policies WHERE name = $1"

// UpdateRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) UpdateRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.route_policies SET description = $1, namespaces = $2, scopes = $3, environment = $4, cost = $5,
			shadow = $6, anonymous = $7, hosts = $8, paths = $9, methods = $10, updated_at = $11, version = version + 1
		WHERE name = $12 AND version = $13`,
		p.Description, list(p.Namespaces), list(p.Scopes), p.Environment, p.Cost, p.Shadow, p.Anonymous,
		list(p.Hosts), list(p.Paths), list(p.Methods), timeOrNull(p.UpdatedAt), p.Name, p.Version)
	if err := w.versioned(ctx, changed, err, routePolicyVersion, p.Name); err != nil {
		return fmt.Errorf("update route policy %s: %w", p.Name, err)
	}
	return nil
}

// DeleteRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) DeleteRoutePolicy(ctx context.Context, name string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.route_policies WHERE name = $1 AND version = $2", name, version)
	if err := w.versioned(ctx, changed, translateDelete(err), routePolicyVersion, name); err != nil {
		return fmt.Errorf("delete route policy %s: %w", name, err)
	}
	return nil
}
