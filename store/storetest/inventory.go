package storetest

import (
	"context"
	"time"

	"credence/store"
)

func inventoryPromises() []promise {
	return []promise{
		{"Inventory", "answers every field of the credentials of all systems", inventoryFields},
		{"Inventory", "answers only credentials that meet every condition of the filter", inventoryFilters},
		{"Inventory", "does not answer purged keys", func(f *fixture) {
			f.insertKeys(f.bareKey(1), f.bareKey(2))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
			inOrder(f, f.inventory(store.InventoryFilter{}), keyID(2))
			inOrder(f, f.inventory(store.InventoryFilter{State: string(store.StatusPurged)}))
		}},
		{"Inventory", "answers pages ordered by when it became known, and then by system", func(f *fixture) {
			f.insertAllSystems()
			want := []string{
				keyID(1), outsideID(store.SystemGitea, 1), outsideID(store.SystemN8N, 1), keyID(2), outsideID(store.SystemGitea, 2), outsideID(store.SystemN8N, 2), keyID(3), outsideID(store.SystemGitea, 3), outsideID(store.SystemN8N, 3),
			}
			for size := 1; size <= len(want)+1; size++ {
				got := walk(f, size, func(page store.Page) ([]store.InventoryItem, store.Cursor, error) {
					return f.backend.Inventory(f.Context(), store.InventoryFilter{}, page)
				})
				inOrder(f, names(got, inventoryID), want...)
			}
		}},
		{"Inventory", "leaves out and repeats nothing that was there, whatever is added and deleted between pages", inventoryMoves},
		{"Inventory", "begins anew after a cursor of another list", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			got, _, err := f.backend.Inventory(f.Context(), store.InventoryFilter{}, store.Page{After: "tenant/x"})
			f.ok(err)
			inOrder(f, names(got, inventoryID), keyID(1))
		}},
	}
}

func inventoryID(i store.InventoryItem) string { return i.ID }

func (f *fixture) inventory(filter store.InventoryFilter) []string {
	f.Helper()
	got, _, err := f.backend.Inventory(f.Context(), filter, store.Page{})
	f.ok(err)
	return names(got, inventoryID)
}

// insertAllSystems makes three credentials of each system.
func (f *fixture) insertAllSystems() {
	f.Helper()
	f.insertConnections(f.sampleConnection(1, ""))
	f.insertOutside(f.sampleOutside(store.SystemN8N, 3), f.sampleOutside(store.SystemN8N, 1), f.sampleOutside(store.SystemN8N, 2))
	f.insertOutside(f.sampleOutside(store.SystemGitea, 2), f.sampleOutside(store.SystemGitea, 3), f.sampleOutside(store.SystemGitea, 1))
	f.insertKeys(f.bareKey(3), f.bareKey(2), f.bareKey(1))
}

func inventoryFields(f *fixture) {
	f.references()
	f.insertConnections(f.sampleConnection(1, ""))
	k, t, n := f.fullKey(1), f.sampleOutside(store.SystemGitea, 1), f.sampleOutside(store.SystemN8N, 1)
	f.insertKeys(k)
	f.insertOutside(t)
	f.insertOutside(n)
	c, err := f.backend.Connection(f.Context(), connectionID(1))
	f.ok(err)
	got, _, err := f.backend.Inventory(f.Context(), store.InventoryFilter{}, store.Page{})
	f.ok(err)
	want := []store.InventoryItem{
		{
			System: store.SystemCredence, ID: k.KeyID, Name: k.Name, Namespace: k.Namespace, Owner: k.Owner, Scopes: k.Scopes,
			State: string(k.Status), CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
		},
		{
			System: store.SystemGitea, ID: t.ID, Name: t.Name, Namespace: t.Namespace, Connection: c.Name, Login: t.Login, Owner: t.Owner,
			Scopes: t.Scopes, State: string(t.State), Outcome: t.Seen.Outcome, CreatedAt: t.CreatedAt, LastUsedAt: t.Seen.LastUsedAt,
			VerifiedAt: t.Seen.VerifiedAt, ExpiresAt: t.ExpiresAt,
		},
		{
			System: store.SystemN8N, ID: n.ID, Name: n.Name, Namespace: n.Namespace, Connection: c.Name, Login: n.Login, Owner: n.Owner,
			Scopes: n.Scopes, State: string(n.State), Outcome: n.Seen.Outcome, CreatedAt: n.CreatedAt, LastUsedAt: n.Seen.LastUsedAt,
			VerifiedAt: n.Seen.VerifiedAt, ExpiresAt: n.ExpiresAt,
		},
	}
	noZeroField(f, want[1])
	equal(f, got, want)
}

func inventoryFilters(f *fixture) {
	now := f.clock.now()
	f.references()
	f.insertConnections(f.sampleConnection(1, ""))
	k, t, n, bare := f.fullKey(1), f.sampleOutside(store.SystemGitea, 2), f.sampleOutside(store.SystemN8N, 3), f.bareKey(4)
	t.Namespace, t.Owner, t.State, t.ExpiresAt = "tenant", "team", store.OutsideStranger, time.Time{}
	t.Seen.VerifiedAt = time.Time{}
	n.Namespace, n.ExpiresAt = "", now.Add(-time.Second)
	f.insertKeys(k, bare)
	f.insertOutside(t)
	f.insertOutside(n)
	for title, c := range map[string]struct {
		filter store.InventoryFilter
		want   []string
	}{
		"all":                    {store.InventoryFilter{}, []string{k.KeyID, t.ID, n.ID, bare.KeyID}},
		"systems":                {store.InventoryFilter{Systems: []store.System{store.SystemN8N, store.SystemGitea}}, []string{t.ID, n.ID}},
		"namespace":              {store.InventoryFilter{Namespaces: []string{"tenant"}}, []string{k.KeyID, t.ID}},
		"none":                   {store.InventoryFilter{Namespaces: []string{""}}, []string{n.ID}},
		"owner":                  {store.InventoryFilter{Owner: "team"}, []string{k.KeyID, t.ID}},
		"a state of one system":  {store.InventoryFilter{State: "stranger"}, []string{t.ID}},
		"a state of all systems": {store.InventoryFilter{State: "active"}, []string{n.ID, bare.KeyID}},
		"expires by":             {store.InventoryFilter{ExpiresBy: now.Add(time.Hour)}, []string{n.ID}},
		"expires by, all":        {store.InventoryFilter{ExpiresBy: k.ExpiresAt.Add(time.Microsecond)}, []string{k.KeyID, n.ID}},
		"expired":                {store.InventoryFilter{ExpiredAt: now.Add(-time.Second)}, []string{n.ID}},
		"unverified since":       {store.InventoryFilter{UnverifiedSince: n.Seen.VerifiedAt}, []string{t.ID}},
		"unverified since now":   {store.InventoryFilter{UnverifiedSince: now}, []string{t.ID, n.ID}},
		"made after":             {store.InventoryFilter{UnverifiedSince: t.CreatedAt}, nil},
		"no system":              {store.InventoryFilter{Systems: []store.System{store.SystemCredence}, UnverifiedSince: now}, nil},
		"two":                    {store.InventoryFilter{Owner: "team", State: "stranger", Namespaces: []string{"tenant", ""}}, []string{t.ID}},
	} {
		f.Log(title)
		inOrder(f, f.inventory(c.filter), c.want...)
	}
}

// inventoryMoves reads pages of two while, after each, something new comes at
// the end and what was read just now is deleted.
func inventoryMoves(f *fixture) {
	f.insertAllSystems()
	var got []string
	added, page := 3, store.Page{Limit: 2}
	for {
		found, next, err := f.backend.Inventory(f.Context(), store.InventoryFilter{}, page)
		f.ok(err)
		got = append(got, names(found, inventoryID)...)
		if page.After = next; next == "" {
			break
		}
		if added < 6 {
			added++
			t := f.sampleOutside(store.SystemGitea, added)
			f.insertOutside(t)
		}
		for _, i := range found {
			if i.System == store.SystemN8N {
				f.do(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteOutsideCredential(ctx, store.SystemN8N, i.ID, 3)
				})
			}
		}
	}
	var want []string
	for n := 1; n <= 3; n++ {
		want = append(want, keyID(n), outsideID(store.SystemGitea, n), outsideID(store.SystemN8N, n))
	}
	inOrder(f, got, append(want, outsideID(store.SystemGitea, 4), outsideID(store.SystemGitea, 5), outsideID(store.SystemGitea, 6))...)
	inOrder(f, f.inventory(store.InventoryFilter{Systems: []store.System{store.SystemN8N}}))
}
