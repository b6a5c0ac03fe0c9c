package management

import (
	"context"

	"credence/store"
)

// GiteaTokenRead reads what is known of one token.
func (s *Service) GiteaTokenRead(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	return readGiteaToken(ctx, s.store, a, id)
}
