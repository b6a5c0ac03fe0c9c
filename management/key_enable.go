package management

import (
	"context"

	"credence/store"
)

// KeyEnable lets a disabled or suspended key in again.
func (s *Service) KeyEnable(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return s.setStatus(ctx, a, in, "key.enable", store.StatusActive)
}
