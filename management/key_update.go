package management

import (
	"context"
	"time"

	"credence/store"
)

// KeyUpdate is the input of [Service.KeyUpdate]. Namespace, key type and
// environment of a key never change: they are part of what was handed out.
type KeyUpdate struct {
	KeyID   string
	Version int64 // that the change is based on; required

	Name      Patch[string]
	Owner     Patch[string]
	Plan      Patch[string]
	Scopes    Patch[[]string]
	Limits    Patch[[]LimitInput]
	Quotas    Patch[[]QuotaInput]
	Networks  Patch[[]string]
	Hosts     Patch[[]string]
	Methods   Patch[[]string]
	Paths     Patch[[]string]
	Labels    Patch[map[string]string]
	NotBefore Patch[time.Time]
	ExpiresAt Patch[time.Time]
	ExpiresIn Patch[string] // a Go duration from now; not together with ExpiresAt
}

// KeyChanged is the answer of everything that changes a key.
type KeyChanged struct {
	Key      store.Key
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// KeyUpdate changes what a key is called, what it may do and how long it
// lives.
func (s *Service) KeyUpdate(ctx context.Context, a Actor, in KeyUpdate) (KeyChanged, error) {
	return KeyChanged{}, errUnwritten
}
