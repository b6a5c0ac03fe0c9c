package management

import (
	"context"

	"credence/store"
)

// PlanList is the input of [Service.PlanList].
type PlanList struct {
	Namespace string // "" for all that the actor may see
	Page      PageInput
}

// PlanPage is a part of a list of plans, by namespace and name.
type PlanPage struct {
	Items []store.Plan
	Next  store.Cursor // "" when nothing follows
}

// PlanList lists the plans that the actor may see.
func (s *Service) PlanList(ctx context.Context, a Actor, in PlanList) (PlanPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list plans"); err != nil {
		return PlanPage{}, err
	}
	namespaces, some := a.visible(in.Namespace)
	if !some {
		return PlanPage{}, nil
	}
	items, next, err := s.store.Plans(ctx, namespaces, page)
	if err != nil {
		return PlanPage{}, failed("list plans", err)
	}
	return PlanPage{Items: items, Next: next}, nil
}
