package management

import (
	"context"

	"credence/store"
)

// OwnerDelete is the input of [Service.OwnerDelete].
type OwnerDelete struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // 0: whatever it is now
}

// OwnerDelete removes an owner that no key names.
func (s *Service) OwnerDelete(ctx context.Context, a Actor, in OwnerDelete) (store.Position, error) {
	return store.Position{}, errUnwritten
}
