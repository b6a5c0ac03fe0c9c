package management

import (
	"context"
)

// KeyPurge is the input of [Service.KeyPurge].
type KeyPurge struct {
	KeyID   string
	Version int64 // 0: whatever the key is now
}

// KeyPurge erases everything of a revoked or expired key but its ids and
// times. Purging a purged key answers it unchanged.
func (s *Service) KeyPurge(ctx context.Context, a Actor, in KeyPurge) (KeyChanged, error) {
	return KeyChanged{}, errUnwritten
}
