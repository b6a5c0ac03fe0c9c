package management

import (
	"context"
	"time"

	"credence/store"
)

// BlacklistRemove ends a rule before its time.
func (s *Service) BlacklistRemove(ctx context.Context, a Actor, id string) (store.Position, error) {
	return store.Position{}, errUnwritten
}
