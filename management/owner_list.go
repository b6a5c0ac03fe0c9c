package management

import (
	"context"

	"credence/store"
)

// OwnerList is the input of [Service.OwnerList].
type OwnerList struct {
	Namespace string // "" for all that the actor may see
	Page      PageInput
}

// OwnerPage is a part of a list of owners, by namespace and name.
type OwnerPage struct {
	Items []store.Owner
	Next  store.Cursor // "" when nothing follows
}

// OwnerList lists the owners that the actor may see.
func (s *Service) OwnerList(ctx context.Context, a Actor, in OwnerList) (OwnerPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list owners"); err != nil {
		return OwnerPage{}, err
	}
	namespaces, some := a.visible(in.Namespace)
	if !some {
		return OwnerPage{}, nil
	}
	items, next, err := s.store.Owners(ctx, namespaces, page)
	if err != nil {
		return OwnerPage{}, failed("list owners", err)
	}
	return OwnerPage{Items: items, Next: next}, nil
}
