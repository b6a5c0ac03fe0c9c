package management

import (
	"context"

	"credence/store"
)

// OwnerUpdate is the input of [Service.OwnerUpdate].
type OwnerUpdate struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // that the change is based on; required

	Description Patch[string]
	Contact     Patch[string]
	Limits      Patch[[]LimitInput]
	Quotas      Patch[[]QuotaInput]
}

// OwnerChanged is the answer of [Service.OwnerUpdate].
type OwnerChanged struct {
	Owner    store.Owner
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// OwnerUpdate changes an owner. The name never changes.
func (s *Service) OwnerUpdate(ctx context.Context, a Actor, in OwnerUpdate) (OwnerChanged, error) {
	return OwnerChanged{}, errUnwritten
}
