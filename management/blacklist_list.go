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
	return BlacklistPage{}, errUnwritten
}
