package sqlite

import (
	"context"
	"errors"
	"fmt"

	"credence/store"
)

const routePolicyColumns = `name, description, namespaces, scopes, environment, cost, shadow, anonymous,
	hosts, paths, methods, created_at, updated_at, version`

func scanRoutePolicy(r row, p *store.RoutePolicy) error {
	return r.Scan(&p.Name, &p.Description, items[string]{&p.Namespaces}, items[string]{&p.Scopes}, &p.Environment,
		&p.Cost, &p.Shadow, &p.Anonymous, items[string]{&p.Hosts}, items[string]{&p.Paths}, items[string]{&p.Methods},
		instant{&p.CreatedAt}, instant{&p.UpdatedAt}, &p.Version)
}

// RoutePolicy implements [store.RoutePolicyReader].
func (r reader) RoutePolicy(ctx context.Context, name string) (store.RoutePolicy, error) {
	var p store.RoutePolicy
	err := scanRoutePolicy(r.q.QueryRowContext(ctx, "SELECT "+routePolicyColumns+" FROM route_policies WHERE name = ?", name), &p)
	if err != nil {
		return store.RoutePolicy{}, fmt.Errorf("route policy %s: %w", name, translate(err))
	}
	return p, nil
}

// RoutePolicies implements [store.RoutePolicyReader].
func (r reader) RoutePolicies(ctx context.Context, page store.Page) ([]store.RoutePolicy, store.Cursor, error) {
	found, err := listRows(ctx, r.q, "SELECT "+routePolicyColumns+" FROM route_policies WHERE name > ? ORDER BY name LIMIT ?",
		[]any{string(page.After), page.Size() + 1}, scanRoutePolicy)
	if err != nil {
		return nil, "", fmt.Errorf("route policies: %w", err)
	}
	found, next := cutPage(found, page, func(p *store.RoutePolicy) store.Cursor { return store.Cursor(p.Name) })
	return found, next, nil
}

// policyLists are the columns of a policy that are lists, in their order.
func policyLists(p *store.RoutePolicy) (columns [5]string, err error) {
	for i, l := range [...][]string{p.Namespaces, p.Scopes, p.Hosts, p.Paths, p.Methods} {
		text, failed := list(l)
		columns[i], err = text, errors.Join(err, failed)
	}
	return columns, err
}

// InsertRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) InsertRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	lists, err := policyLists(&p)
	if err != nil {
		return fmt.Errorf("insert route policy %s: %w", p.Name, err)
	}
	_, err = w.tx.ExecContext(ctx,
		"INSERT INTO route_policies ("+routePolicyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.Name, p.Description, lists[0], lists[1], p.Environment, p.Cost, p.Shadow, p.Anonymous, lists[2], lists[3], lists[4],
		micros(p.CreatedAt), micros(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert route policy %s: %w", p.Name, translate(err))
	}
	return nil
}

const routePolicyVersion = "SELECT version FROM route_policies WHERE name = ?"

// UpdateRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) UpdateRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	lists, err := policyLists(&p)
	if err != nil {
		return fmt.Errorf("update route policy %s: %w", p.Name, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE route_policies SET description = ?, namespaces = ?, scopes = ?, environment = ?, cost = ?, shadow = ?,
			anonymous = ?, hosts = ?, paths = ?, methods = ?, updated_at = ?, version = version + 1
		WHERE name = ? AND version = ?`,
		p.Description, lists[0], lists[1], p.Environment, p.Cost, p.Shadow, p.Anonymous, lists[2], lists[3], lists[4],
		micros(p.UpdatedAt), p.Name, p.Version)
	if err != nil {
		return fmt.Errorf("update route policy %s: %w", p.Name, translate(err))
	}
	if err := w.versioned(ctx, result, routePolicyVersion, p.Name); err != nil {
		return fmt.Errorf("update route policy %s: %w", p.Name, err)
	}
	return nil
}

// DeleteRoutePolicy implements [store.RoutePolicyWriter].
func (w *writer) DeleteRoutePolicy(ctx context.Context, name string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM route_policies WHERE name = ? AND version = ?", name, version)
	if err != nil {
		return fmt.Errorf("delete route policy %s: %w", name, translateDelete(err))
	}
	if err := w.versioned(ctx, result, routePolicyVersion, name); err != nil {
		return fmt.Errorf("delete route policy %s: %w", name, err)
	}
	return nil
}
