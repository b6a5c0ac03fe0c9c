package management

import (
	"context"
	"time"

	"credence/store"
)

// BlacklistAdd is the input of [Service.BlacklistAdd].
type BlacklistAdd struct {
	Namespace string    // "" refuses everywhere; only global actors may
	Network   string    // CIDR or a single address
	Reason    string    // 1 to 256 printable characters
	EndsAt    time.Time // zero: stays until removed, unless For says otherwise
	For       string    // a Go duration from now; not together with EndsAt
	Force     bool      // lets networks wider than /8 (IPv4) or /19 (IPv6) through

	Idempotency Idempotency
}

// BlacklistAdded is the answer of [Service.BlacklistAdd].
type BlacklistAdded struct {
	Rule     store.BlacklistRule
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// BlacklistAdd refuses the clients of a network.
func (s *Service) BlacklistAdd(ctx context.Context, a Actor, in BlacklistAdd) (BlacklistAdded, error) {
	return BlacklistAdded{}, errUnwritten
}
