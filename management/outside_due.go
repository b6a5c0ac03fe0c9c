package management

import (
	"context"
	"time"

	"credence/store"
)

// OutsideTend does what is due for one credential of another system, and answers
// when to call again; the zero time when nothing is left. It may run any number
// of times.
func (s *Service) OutsideTend(ctx context.Context, system store.System, id string) (again time.Time, err error) {
	return s.keep(system).tend(ctx, id)
}

// OutsideCompareAll compares all connections to a system that are used, and
// answers how much is new; a pass calls it. One that fails does not keep the
// others from being looked at.
func (s *Service) OutsideCompareAll(ctx context.Context, system store.System) (found int, err error) {
	return s.keep(system).compareAll(ctx)
}

// OutsideVerifyAll tries out the secrets of a system that nobody has tried out
// for long, and answers how many; a pass calls it. It is bounded for each
// connection: the pass after it goes on with the rest.
func (s *Service) OutsideVerifyAll(ctx context.Context, system store.System) (tried int, err error) {
	return s.keep(system).verifyAll(ctx)
}
