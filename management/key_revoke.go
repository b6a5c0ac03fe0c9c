package management

import (
	"context"

	"credence/store"
)

// KeyRevoke revokes a key for good. Revoking a revoked key answers it unchanged.
func (s *Service) KeyRevoke(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return s.setStatus(ctx, a, in, "key.revoke", store.StatusRevoked)
}
