package postgres

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
			"t.key_id, t.name, t.namespace, '', '', coalesce(t.owner, ''), t.scopes, t.status, '', t.created_at, t.last_used_at, NULL::timestamptz, t.expires_at",
			"credence.api_keys AS t", "",
		},
		{
			store.SystemGitea, "t.token_id", "t.token_id, t.token_name" + outside,
			"credence.gitea_tokens AS t JOIN credence.connections AS c ON c.connection_id = t.connection_id", "coalesce(t.verified_at, t.created_at)",
		},
		{
			store.SystemN8N, "t.id", "t.id, t.label" + outside,
			"credence.n8n_api_keys AS t JOIN credence.connections AS c ON c.connection_id = t.connection_id", "coalesce(t.verified_at, t.created_at)",
		},
	}
}

func scanInventory(r row, i *store.InventoryItem) error {
	var place string // that it is ordered by
	err := r.Scan(&i.System, &i.ID, &i.Name, &i.Namespace, &i.Connection, &i.Login, &i.Owner, &i.Scopes, &i.State,
		&i.Outcome, instant{&i.CreatedAt}, instant{&i.LastUsedAt}, instant{&i.VerifiedAt}, instant{&i.ExpiresAt}, &place)
	noneIsNil(&i.Scopes)
	return err
}

// Inventory implements [store.InventoryReader]. Each system gives at most a
// page, by its primary key.
func (r reader) Inventory(ctx context.Context, filter store.InventoryFilter, page store.Page) ([]store.InventoryItem, store.Cursor, error) {
	var parts []string
	var c conditions
	for _, part := range inventoryParts() {
		if !filter.Has(part.system) {
			continue
		}
		part.conditions(&c, &filter, page)
		parts = append(parts, c.query(
			"(SELECT '"+string(part.system)+"' COLLATE \"C\" AS system, "+part.columns+", substr("+part.id+", "+inventoryPlace+") COLLATE \"C\" AS place FROM "+part.from,
			part.id, page.Size()+1)+")")
		c.texts = nil // the arguments are those of the whole
	}
	if len(parts) == 0 {
		return nil, "", nil
	}
	query := c.query("SELECT * FROM ("+strings.Join(parts, " UNION ALL ")+") AS everything", "place, system", page.Size()+1) //nolint:unqueryvet // the columns are those of the parts
	found, err := listRows(ctx, r.q, query, c.args, scanInventory)
	if err != nil {
		return nil, "", fmt.Errorf("inventory: %w", err)
	}
	found, next := cutPage(found, page, func(i *store.InventoryItem) store.Cursor { return store.Cursor(i.ID) })
	return found, next, nil
}

func (p *inventoryPart) conditions(c *conditions, f *store.InventoryFilter, page store.Page) {
	id, from := store.InventoryAfter(page.After, p.system)
	if from {
		c.add(p.id + " >= " + c.arg(id))
	} else {
		c.add(p.id + " > " + c.arg(id))
	}
	c.anyOf("t.namespace", f.Namespaces)
	if f.Owner != "" {
		c.add("t.owner = " + c.arg(f.Owner))
	}
	state := "t.state"
	if p.system == store.SystemCredence {
		state = "t.status"
		c.add("t.status <> 'purged'")
	}
	if f.State != "" {
		c.add(state + " = " + c.arg(f.State))
	}
	if !f.ExpiresBy.IsZero() {
		c.add("t.expires_at < " + c.arg(f.ExpiresBy))
	}
	if !f.ExpiredAt.IsZero() {
		c.add("t.expires_at <= " + c.arg(f.ExpiredAt))
	}
	if !f.UnverifiedSince.IsZero() {
		c.add(p.verified + " < " + c.arg(f.UnverifiedSince))
	}
}
