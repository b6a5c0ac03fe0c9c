package management

import (
	"context"

	"credence/store"
)

// KeySuspend refuses a key until a person enables it again; the system does this.
func (s *Service) KeySuspend(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return s.setStatus(ctx, a, in, "key.suspend", store.StatusSuspended)
}
