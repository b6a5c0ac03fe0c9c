package management

import (
	"context"

	"credence/store"
)

// KeyDisable refuses a key until a person enables it again.
func (s *Service) KeyDisable(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return s.setStatus(ctx, a, in, "key.disable", store.StatusDisabled)
}
