package management

import (
	"context"

	"credence/store"
)

// KeyEnable lets a disabled or suspended key in again, and a throttled one in
// full.
func (s *Service) KeyEnable(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return s.setStatus(ctx, a, in, "key.enable", store.StatusActive)
}
