package management

import (
	"context"
	"slices"
	"time"

	"credence/store"
)

// InventoryList is the input of [Service.InventoryList]. Empty fields do not
// narrow.
type InventoryList struct {
	System    string
	Namespace string // "" for all that the actor may see
	Owner     string
	State     string // one that is stored, or "expired"
	ExpiresBy time.Time
	// UnverifiedSince lists credentials of other systems that were made before it
	// and not verified since.
	UnverifiedSince time.Time
	Page            PageInput
}

// InventoryPage is a part of the credentials, in the order in which they became
// known here.
type InventoryPage struct {
	Items []store.InventoryItem
	Next  store.Cursor // "" when nothing follows
	Now   time.Time    // when it was read, to tell ages
}

// InventoryList lists the credentials of all systems that the actor may see.
func (s *Service) InventoryList(ctx context.Context, a Actor, in InventoryList) (InventoryPage, error) {
	const what = "inventory"
	now := s.now().UTC()
	p := &problems{now: now}
	filter := store.InventoryFilter{
		Owner: in.Owner, ExpiresBy: p.instant("expires_by", in.ExpiresBy), UnverifiedSince: p.instant("unverified_since", in.UnverifiedSince),
	}
	if in.System != "" {
		filter.Systems = []store.System{store.System(in.System)}
		if !slices.Contains(store.Systems(), filter.Systems[0]) {
			p.add("system", quoted(in.System)+" is no system", "use one of "+listed(store.Systems()))
		}
	}
	switch {
	case in.State == statusExpired:
		filter.ExpiredAt = now
	case in.State == "" || slices.Contains(inventoryStates(), in.State):
		filter.State = in.State
	default:
		p.add("state", quoted(in.State)+" is no state of a credential", "use one of "+listed(inventoryStates())+", "+statusExpired)
	}
	page := p.page(in.Page)
	if err := p.err(what); err != nil {
		return InventoryPage{}, err
	}
	var some bool
	if filter.Namespaces, some = a.visible(in.Namespace); !some {
		return InventoryPage{}, nil
	}
	items, next, err := s.store.Inventory(ctx, filter, page)
	if err != nil {
		return InventoryPage{}, failed(what, err)
	}
	return InventoryPage{Items: items, Next: next, Now: now}, nil
}

// inventoryStates are those of all systems, each once.
func inventoryStates() (all []string) {
	for _, system := range store.Systems() {
		for _, state := range system.States() {
			if !slices.Contains(all, state) {
				all = append(all, state)
			}
		}
	}
	return all
}
