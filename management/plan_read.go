package management

import (
	"context"

	"credence/store"
)

// PlanRead reads one plan; namespace "" means "default".
func (s *Service) PlanRead(ctx context.Context, a Actor, namespace, name string) (store.Plan, error) {
	return store.Plan{}, errUnwritten
}
