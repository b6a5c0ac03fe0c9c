package management

import (
	"context"
)

// KeyEnable lets a disabled or suspended key in again.
func (s *Service) KeyEnable(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return KeyChanged{}, errUnwritten
}
