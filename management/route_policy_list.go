package management

import (
	"context"

	"credence/store"
)

// RoutePolicyList is the input of [Service.RoutePolicyList].
type RoutePolicyList struct {
	Page PageInput
}

// RoutePolicyPage is a part of a list of route policies, by name.
type RoutePolicyPage struct {
	Items []store.RoutePolicy
	Next  store.Cursor // "" when nothing follows
}

// RoutePolicyList lists the route policies that the actor may see: all of
// them, or none.
func (s *Service) RoutePolicyList(ctx context.Context, a Actor, in RoutePolicyList) (RoutePolicyPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list route policies"); err != nil {
		return RoutePolicyPage{}, err
	}
	if !a.Global() {
		return RoutePolicyPage{}, nil
	}
	items, next, err := s.store.RoutePolicies(ctx, page)
	if err != nil {
		return RoutePolicyPage{}, failed("list route policies", err)
	}
	return RoutePolicyPage{Items: items, Next: next}, nil
}
