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
	return OwnerPage{}, errUnwritten
}
