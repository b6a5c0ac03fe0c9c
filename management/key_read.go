package management

import (
	"context"

	"credence/store"
)

// KeyRead reads one key. A purged key is found, with nothing left but its ids
// and times.
func (s *Service) KeyRead(ctx context.Context, a Actor, keyID string) (store.Key, error) {
	return readKey(ctx, s.store, a, keyID)
}
