package management

import (
	"context"

	"credence/store"
)

// TokenRead reads one admin token.
func (s *Service) TokenRead(ctx context.Context, a Actor, id string) (store.Token, error) {
	return readToken(ctx, s.store, a, id)
}
