package management

import (
	"context"
)

// KeyDisable refuses a key until a person enables it again.
func (s *Service) KeyDisable(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return KeyChanged{}, errUnwritten
}
