package management

import (
	"context"

	"credence/store"
)

// BlacklistRead reads one rule.
func (s *Service) BlacklistRead(ctx context.Context, a Actor, id string) (store.BlacklistRule, error) {
	return store.BlacklistRule{}, errUnwritten
}
