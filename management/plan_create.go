package management

import (
	"context"

	"credence/store"
)

// PlanCreate is the input of [Service.PlanCreate].
type PlanCreate struct {
	Namespace   string // must exist; default "default"
	Name        string // the id within the namespace
	Description string // at most 1024 characters
	Limits      []LimitInput
	Quotas      []QuotaInput

	Idempotency Idempotency
}

// PlanCreated is the answer of [Service.PlanCreate].
type PlanCreated struct {
	Plan     store.Plan
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// PlanCreate makes a plan: a named set of limits that many keys share.
func (s *Service) PlanCreate(ctx context.Context, a Actor, in PlanCreate) (PlanCreated, error) {
	return PlanCreated{}, errUnwritten
}
