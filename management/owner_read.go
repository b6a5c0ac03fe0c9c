package management

import (
	"context"

	"credence/store"
)

// OwnerRead reads one owner; namespace "" means "default".
func (s *Service) OwnerRead(ctx context.Context, a Actor, namespace, name string) (store.Owner, error) {
	return store.Owner{}, errUnwritten
}
