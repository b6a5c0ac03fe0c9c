package management

import (
	"context"
)

// KeyStatusChange is the input of the use-cases that set a key's status.
type KeyStatusChange struct {
	KeyID   string
	Reason  string // at most 256 printable characters
	Version int64  // 0: whatever the key is now
}

// KeyRevoke revokes a key for good. Revoking a revoked key answers it unchanged.
func (s *Service) KeyRevoke(ctx context.Context, a Actor, in KeyStatusChange) (KeyChanged, error) {
	return KeyChanged{}, errUnwritten
}
