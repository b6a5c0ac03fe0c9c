package management

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// UsageAddresses is the input of [Service.UsageAddresses].
type UsageAddresses struct {
	Since, Until time.Time // zero: a day ago, now
	Reason       string
	Limit        int // 0: 20
}

// FailingAddresses is who was refused most.
type FailingAddresses struct{ Items []store.FailingAddress }

// UsageAddresses answers the addresses that were refused most, the heaviest
// first. They belong to no namespace, so only global actors see any.
func (s *Service) UsageAddresses(ctx context.Context, a Actor, in UsageAddresses) (FailingAddresses, error) {
	p := &problems{now: s.now().UTC()}
	from, until := p.usageTime(in.Since, in.Until)
	reason := p.text("reason", in.Reason, 0, maxFilter)
	if in.Limit < 0 || in.Limit > store.MaxPage {
		p.add("limit", fmt.Sprintf("%d is out of range", in.Limit), fmt.Sprintf("use 1 to %d", store.MaxPage))
	}
	if err := p.err("read failing addresses"); err != nil {
		return FailingAddresses{}, err
	}
	if !a.Global() {
		return FailingAddresses{}, nil
	}
	limit := in.Limit
	if limit == 0 {
		limit = defaultUsageTop
	}
	found, err := s.store.FailingSums(ctx, reason, from.Truncate(time.Minute), until, limit)
	if err != nil {
		return FailingAddresses{}, failed("read failing addresses", err)
	}
	return FailingAddresses{Items: found}, nil
}
