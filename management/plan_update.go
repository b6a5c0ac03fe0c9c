package management

import (
	"context"

	"credence/store"
)

// PlanUpdate is the input of [Service.PlanUpdate].
type PlanUpdate struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // that the change is based on; required

	Description Patch[string]
	Limits      Patch[[]LimitInput]
	Quotas      Patch[[]QuotaInput]
}

// PlanChanged is the answer of [Service.PlanUpdate].
type PlanChanged struct {
	Plan     store.Plan
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// PlanUpdate changes a plan. The name never changes.
func (s *Service) PlanUpdate(ctx context.Context, a Actor, in PlanUpdate) (PlanChanged, error) {
	return PlanChanged{}, errUnwritten
}
