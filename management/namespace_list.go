package management

import (
	"context"
	"errors"
	"slices"

	"credence/store"
)

// NamespaceList is the input of [Service.NamespaceList].
type NamespaceList struct {
	Page PageInput
}

// NamespacePage is a part of a list of namespaces, by name.
type NamespacePage struct {
	Items []store.Namespace
	Next  store.Cursor // "" when nothing follows
}

// NamespaceList lists the namespaces that the actor may see.
func (s *Service) NamespaceList(ctx context.Context, a Actor, in NamespaceList) (NamespacePage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list namespaces"); err != nil {
		return NamespacePage{}, err
	}
	if !a.Global() {
		return s.ownNamespaces(ctx, a, page)
	}
	items, next, err := s.store.Namespaces(ctx, page)
	if err != nil {
		return NamespacePage{}, failed("list namespaces", err)
	}
	return NamespacePage{Items: items, Next: next}, nil
}

// ownNamespaces reads the namespaces of an actor one by one: a token names
// few, and some of them may not exist any more.
func (s *Service) ownNamespaces(ctx context.Context, a Actor, page store.Page) (NamespacePage, error) {
	var out NamespacePage
	for _, name := range slices.Compact(slices.Sorted(slices.Values(a.Namespaces))) {
		if store.Cursor(name) <= page.After || !a.May(name) {
			continue
		}
		n, err := s.store.Namespace(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return NamespacePage{}, failed("list namespaces", err)
		case len(out.Items) == page.Size():
			out.Next = store.Cursor(out.Items[len(out.Items)-1].Name)
			return out, nil
		}
		out.Items = append(out.Items, n)
	}
	return out, nil
}
