package management

import (
	"context"

	"credence/store"
)

// PlanDelete is the input of [Service.PlanDelete].
type PlanDelete struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // 0: whatever it is now
}

// PlanDelete removes a plan that no key names.
func (s *Service) PlanDelete(ctx context.Context, a Actor, in PlanDelete) (store.Position, error) {
	return store.Position{}, errUnwritten
}
