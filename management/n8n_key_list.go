package management

import (
	"context"
	"slices"

	"credence/store"
)

// N8NKeyList is the input of [Service.N8NKeyList].
type N8NKeyList struct {
	Namespace  string // "" for all that the actor may see
	Connection string // name; "" for all
	Owner      string
	State      string
	Page       PageInput
}

// N8NKeyPage is a part of the keys, the oldest first.
type N8NKeyPage struct {
	Items []store.OutsideCredential
	Next  store.Cursor // "" when nothing follows
}

// N8NKeyList lists what is known of the keys that the actor may see.
func (s *Service) N8NKeyList(ctx context.Context, a Actor, in N8NKeyList) (N8NKeyPage, error) {
	const what = "list n8n keys"
	p := &problems{}
	page := p.page(in.Page)
	filter := store.OutsideFilter{Owner: in.Owner}
	if in.State != "" {
		filter.States = []store.OutsideState{store.OutsideState(in.State)}
		if !slices.Contains(store.OutsideStates(store.SystemN8N), filter.States[0]) {
			p.add("state", quoted(in.State)+" is no state of a key", "use one of "+listed(store.OutsideStates(store.SystemN8N)))
		}
	}
	if err := p.err(what); err != nil {
		return N8NKeyPage{}, err
	}
	if in.Connection != "" {
		c, err := readConnection(ctx, s.store, a, store.ConnectionN8N, in.Connection)
		if err != nil {
			return N8NKeyPage{}, err
		}
		filter.ConnectionID = c.ID
	}
	var some bool
	if filter.Scopes, some = a.visible(in.Namespace); !some {
		return N8NKeyPage{}, nil
	}
	items, next, err := s.store.OutsideCredentials(ctx, store.SystemN8N, filter, page)
	if err != nil {
		return N8NKeyPage{}, failed(what, err)
	}
	return N8NKeyPage{Items: items, Next: next}, nil
}
