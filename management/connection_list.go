package management

import (
	"context"

	"credence/store"
)

// ConnectionList is the input of [Service.ConnectionList].
type ConnectionList struct {
	Kind      store.ConnectionKind
	Namespace string // "" for all that the actor may use
	Page      PageInput
}

// ConnectionPage is a part of the connections of a kind, by name.
type ConnectionPage struct {
	Items []store.Connection
	Next  store.Cursor // "" when nothing follows
}

// ConnectionList lists the connections that the actor may use.
func (s *Service) ConnectionList(ctx context.Context, a Actor, in ConnectionList) (ConnectionPage, error) {
	what := "list " + string(in.Kind) + " connections"
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err(what); err != nil {
		return ConnectionPage{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if !some {
		return ConnectionPage{}, nil
	}
	items, next, err := s.store.Connections(ctx, in.Kind, scopes, page)
	if err != nil {
		return ConnectionPage{}, failed(what, err)
	}
	return ConnectionPage{Items: items, Next: next}, nil
}
