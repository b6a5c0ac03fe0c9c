package management

import (
	"context"
)

// TokenAuthenticate answers who holds the admin token text, without address
// and request id. Every text that is not that of a usable token gets the same
// [CodeUnauthorized].
func (s *Service) TokenAuthenticate(ctx context.Context, text []byte) (Actor, error) {
	return Actor{}, errUnwritten
}
