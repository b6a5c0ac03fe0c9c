package management

import (
	"context"

	"credence/store"
)

// NamespaceCreate is the input of [Service.NamespaceCreate].
type NamespaceCreate struct {
	Name        string // 1 to 63 of a-z 0-9 -
	Description string // at most 1024 characters
	KeyPrefix   string // first word of key texts; default "crd"
	Environment string // second word when a key names none; default "live"

	Idempotency Idempotency
}

// NamespaceCreated is the answer of [Service.NamespaceCreate].
type NamespaceCreated struct {
	Namespace store.Namespace
	Replayed  bool           // made by an earlier, equal request
	Position  store.Position // of the change; zero when Replayed
}

// NamespaceCreate makes a namespace. Only global actors may.
func (s *Service) NamespaceCreate(ctx context.Context, a Actor, in NamespaceCreate) (NamespaceCreated, error) {
	return NamespaceCreated{}, errUnwritten
}
