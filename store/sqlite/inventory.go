package sqlite

import (
	"context"
	"fmt"
	"strings"

	"credence/store"
)

// inventoryPlace is where in an id its place begins: all prefixes are as long.
const inventoryPlace = "5"

// inventoryPart is the credentials of one system: its columns in the order of
// scanInventory, and where they come from.
type inventoryPart struct {
	system        store.System
	id            string
	columns, from string
	verified      string // when it was made or verified last
}

func inventoryParts() []inventoryPart {
	const outside = ", t.namespace, c.name, t.login, t.owner, t.scopes, t.state, t.outcome, t.created_at, t.last_used_at, t.verified_at, t.expires_at"
	return []inventoryPart{
		{
			store.SystemCredence, "t.key_id",
			"t.key_id, t.name, t.namespace, '', '', ifnull(t.owner, ''), t.scopes, t.status, '', t.created_at, t.last_used_at, NULL, t.expires_at",
			"api_keys AS t", "",
		},
		{
			store.SystemGitea, "t.token_id", "t.token_id, t.token_name" + outside,
			"gitea_tokens AS t JOIN connections AS c ON c.connection_id = t.connection_id", "ifnull(t.verified_at, t.created_at)",
		},
		{
			store.SystemN8N, "t.id", "t.id, t.label" + outside,
			"n8n_api_keys AS t JOIN connections AS c ON c.connection_id = t.connection_id", "ifnull(t.verified_at, t.created_at)",
		},
	}
}

func scanInventory(r row, i *store.InventoryItem) error {
	var place string // that it is ordered by
	return r.Scan(&i.System, &i.ID, &i.Name, &i.Namespace, &i.Connection, &i.Login, &i.Owner, items[string]{&i.Scopes}, &i.State,
		&i.Outcome, instant{&i.CreatedAt}, instant{&i.LastUsedAt}, instant{&i.VerifiedAt}, instant{&i.ExpiresAt}, &place)
}

// Inventory implements [store.InventoryReader]. Each system gives at most a
// page, by its primary key.
func (r reader) Inventory(ctx context.Context, filter store.InventoryFilter, page store.Page) ([]store.InventoryItem, store.Cursor, error) {
	var parts []string
	var args []any
	for _, part := range inventoryParts() {
		if !filter.Has(part.system) {
			continue
		}
		c := part.conditions(&filter, page)
		parts = append(parts, c.query(
			"SELECT * FROM (SELECT '"+string(part.system)+"' AS system, "+part.columns+", substr("+part.id+", "+inventoryPlace+") AS place FROM "+part.from, //nolint:unqueryvet // the columns are those of the part
			" ORDER BY "+part.id+" LIMIT ?)"))
		args = append(append(args, c.args...), page.Size()+1)
	}
	if len(parts) == 0 {
		return nil, "", nil
	}
	query := "SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") ORDER BY place, system LIMIT ?" //nolint:unqueryvet // the columns are those of the parts
	found, err := listRows(ctx, r.q, query, append(args, page.Size()+1), scanInventory)
	if err != nil {
		return nil, "", fmt.Errorf("inventory: %w", err)
	}
	found, next := cutPage(found, page, func(i *store.InventoryItem) store.Cursor { return store.Cursor(i.ID) })
	return found, next, nil
}

func (p *inventoryPart) conditions(f *store.InventoryFilter, page store.Page) *conditions {
	var c conditions
	id, from := store.InventoryAfter(page.After, p.system)
	if from {
		c.add(p.id+" >= ?", id)
	} else {
		c.add(p.id+" > ?", id)
	}
	c.anyOf("t.namespace", f.Namespaces)
	if f.Owner != "" {
		c.add("t.owner = ?", f.Owner)
	}
	state := "t.state"
	if p.system == store.SystemCredence {
		state = "t.status"
		c.add("t.status <> 'purged'")
	}
	if f.State != "" {
		c.add(state+" = ?", f.State)
	}
	if !f.ExpiresBy.IsZero() {
		c.add("t.expires_at < ?", micros(f.ExpiresBy))
	}
	if !f.ExpiredAt.IsZero() {
		c.add("t.expires_at <= ?", micros(f.ExpiredAt))
	}
	if !f.UnverifiedSince.IsZero() {
		c.add(p.verified+" < ?", micros(f.UnverifiedSince))
	}
	return &c
}
