package management

import (
	"context"

	"credence/store"
)

// N8NKeyRead reads what is known of one key.
func (s *Service) N8NKeyRead(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	return readN8NKey(ctx, s.store, a, id)
}
