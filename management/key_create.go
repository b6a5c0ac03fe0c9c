package management

import (
	"context"
	"time"

	"credence/store"
	"credence/store/credential"
)

// KeyCreate is the input of [Service.KeyCreate]. Empty fields take their
// defaults.
type KeyCreate struct {
	Name        string // 1 to 128 printable characters
	Namespace   string // must exist; default "default"
	Owner       string // an owner of the namespace, or ""
	KeyType     string // default "service"
	Plan        string // a plan of the namespace, or ""
	Environment string // default: the namespace's
	Scopes      []string
	Limits      []LimitInput
	Quotas      []QuotaInput
	Networks    []string // CIDR or single addresses
	Hosts       []string
	Methods     []string
	Paths       []string
	Labels      map[string]string
	NotBefore   time.Time // zero: at once
	ExpiresAt   time.Time // zero: never, unless ExpiresIn says otherwise
	ExpiresIn   string    // a Go duration from now; not together with ExpiresAt

	Idempotency Idempotency
}

// KeyCreated is the answer of [Service.KeyCreate].
type KeyCreated struct {
	Key      store.Key
	Text     credential.Text // shown this once; zero when Replayed
	Replayed bool            // the key was made by an earlier, equal request
	Position store.Position  // of the change; zero when Replayed
}

// KeyCreate mints a key.
func (s *Service) KeyCreate(ctx context.Context, a Actor, in KeyCreate) (KeyCreated, error) {
	return KeyCreated{}, errUnwritten
}
