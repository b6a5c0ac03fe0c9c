package management

import (
	"context"

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
	return NamespacePage{}, errUnwritten
}
