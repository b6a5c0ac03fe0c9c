package management

import (
	"context"

	"credence/store"
)

// NamespaceUpdate is the input of [Service.NamespaceUpdate].
type NamespaceUpdate struct {
	Name    string
	Version int64 // that the change is based on; required

	Description Patch[string]
	KeyPrefix   Patch[string] // for keys minted from now on; null: "crd"
	Environment Patch[string] // for keys minted from now on; null: "live"
}

// NamespaceChanged is the answer of [Service.NamespaceUpdate].
type NamespaceChanged struct {
	Namespace store.Namespace
	Changed   bool           // false: it was so already, nothing was recorded
	Position  store.Position // of the change; zero without one
}

// NamespaceUpdate changes a namespace. The name never changes.
func (s *Service) NamespaceUpdate(ctx context.Context, a Actor, in NamespaceUpdate) (NamespaceChanged, error) {
	return NamespaceChanged{}, errUnwritten
}
