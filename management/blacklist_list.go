package management

import (
	"context"

	"credence/store"
)

// BlacklistList is the input of [Service.BlacklistList].
type BlacklistList struct {
	Namespace string // "" for all that the actor may see
	Global    bool   // only the rules that refuse everywhere; not with Namespace
	Page      PageInput
}

// BlacklistPage is a part of the blacklist, by id.
type BlacklistPage struct {
	Items []store.BlacklistRule
	Next  store.Cursor // "" when nothing follows
}

// BlacklistList lists the rules that the actor may see. Global rules are seen
// by global actors only.
func (s *Service) BlacklistList(ctx context.Context, a Actor, in BlacklistList) (BlacklistPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if in.Global && in.Namespace != "" {
		p.add("global", "is given together with namespace", "give one of the two")
	}
	if err := p.err("list blacklist rules"); err != nil {
		return BlacklistPage{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if in.Global {
		scopes, some = []string{""}, a.Global()
	}
	if !some {
		return BlacklistPage{}, nil
	}
	items, next, err := s.store.BlacklistRules(ctx, scopes, page)
	if err != nil {
		return BlacklistPage{}, failed("list blacklist rules", err)
	}
	return BlacklistPage{Items: items, Next: next}, nil
}
