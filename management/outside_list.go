package management

import (
	"context"
	"slices"

	"credence/store"
)

// outsideList asks for what is known of credentials.
type outsideList struct {
	namespace  string // "" for all that the actor may see
	connection string // name; "" for all
	login      string
	owner      string
	state      string
	page       PageInput
}

// list lists what is known of the credentials that the actor may see, the
// oldest first.
func (k keeper) list(ctx context.Context, a Actor, in *outsideList) ([]store.OutsideCredential, store.Cursor, error) {
	what := "list " + k.what + "s"
	p := &problems{}
	page := p.page(in.page)
	filter := store.OutsideFilter{Login: in.login, Owner: in.owner}
	if in.state != "" {
		filter.States = []store.OutsideState{store.OutsideState(in.state)}
		if all := store.OutsideStates(k.of); !slices.Contains(all, filter.States[0]) {
			p.add("state", quoted(in.state)+" is no state of a "+k.noun, "use one of "+listed(all))
		}
	}
	if err := p.err(what); err != nil {
		return nil, "", err
	}
	if in.connection != "" {
		c, err := readConnection(ctx, k.store, a, k.kind, in.connection)
		if err != nil {
			return nil, "", err
		}
		filter.ConnectionID = c.ID
	}
	var some bool
	if filter.Scopes, some = a.visible(in.namespace); !some {
		return nil, "", nil
	}
	items, next, err := k.store.OutsideCredentials(ctx, k.of, filter, page)
	if err != nil {
		return nil, "", failed(what, err)
	}
	return items, next, nil
}
