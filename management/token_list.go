package management

import (
	"context"

	"credence/store"
)

// TokenList is the input of [Service.TokenList].
type TokenList struct {
	Ended bool // also those that are revoked or expired
	Page  PageInput
}

// TokenPage is a part of a list of admin tokens, by age.
type TokenPage struct {
	Items []store.Token
	Next  store.Cursor // "" when nothing follows
}

// TokenList lists the admin tokens that the actor may see: all of them, or
// those that are limited to namespaces of its own.
func (s *Service) TokenList(ctx context.Context, a Actor, in TokenList) (TokenPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list admin tokens"); err != nil {
		return TokenPage{}, err
	}
	filter := store.TokenFilter{}
	if !in.Ended {
		filter.UsableAt = s.now()
	}
	if !a.Global() {
		if a.ID == "" {
			return TokenPage{}, nil
		}
		filter.Within = a.Namespaces
	}
	items, next, err := s.store.Tokens(ctx, filter, page)
	if err != nil {
		return TokenPage{}, failed("list admin tokens", err)
	}
	return TokenPage{Items: items, Next: next}, nil
}
