package management

import (
	"context"
	"slices"

	"credence/store"
)

// GiteaTokenList is the input of [Service.GiteaTokenList].
type GiteaTokenList struct {
	Namespace  string // "" for all that the actor may see
	Connection string // name; "" for all
	Login      string
	Owner      string
	State      string
	Page       PageInput
}

// GiteaTokenPage is a part of the tokens, the oldest first.
type GiteaTokenPage struct {
	Items []store.OutsideCredential
	Next  store.Cursor // "" when nothing follows
}

// GiteaTokenList lists what is known of the tokens that the actor may see.
func (s *Service) GiteaTokenList(ctx context.Context, a Actor, in GiteaTokenList) (GiteaTokenPage, error) {
	const what = "list gitea tokens"
	p := &problems{}
	page := p.page(in.Page)
	filter := store.OutsideFilter{Login: in.Login, Owner: in.Owner}
	if in.State != "" {
		filter.States = []store.OutsideState{store.OutsideState(in.State)}
		if !slices.Contains(store.OutsideStates(store.SystemGitea), filter.States[0]) {
			p.add("state", quoted(in.State)+" is no state of a token", "use one of "+listed(store.OutsideStates(store.SystemGitea)))
		}
	}
	if err := p.err(what); err != nil {
		return GiteaTokenPage{}, err
	}
	if in.Connection != "" {
		c, err := readConnection(ctx, s.store, a, store.ConnectionGitea, in.Connection)
		if err != nil {
			return GiteaTokenPage{}, err
		}
		filter.ConnectionID = c.ID
	}
	var some bool
	if filter.Scopes, some = a.visible(in.Namespace); !some {
		return GiteaTokenPage{}, nil
	}
	items, next, err := s.store.OutsideCredentials(ctx, store.SystemGitea, filter, page)
	if err != nil {
		return GiteaTokenPage{}, failed(what, err)
	}
	return GiteaTokenPage{Items: items, Next: next}, nil
}
