package management

import (
	"context"

	"credence/store"
)

// OwnerCreate is the input of [Service.OwnerCreate].
type OwnerCreate struct {
	Namespace   string // must exist; default "default"
	Name        string // the id within the namespace
	Description string // at most 1024 characters
	Contact     string // e.g. a mail address, at most 256 printable characters
	Limits      []LimitInput
	Quotas      []QuotaInput

	Idempotency Idempotency
}

// OwnerCreated is the answer of [Service.OwnerCreate].
type OwnerCreated struct {
	Owner    store.Owner
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// OwnerCreate makes an owner: the team, user or service that keys belong to.
func (s *Service) OwnerCreate(ctx context.Context, a Actor, in OwnerCreate) (OwnerCreated, error) {
	return OwnerCreated{}, errUnwritten
}
