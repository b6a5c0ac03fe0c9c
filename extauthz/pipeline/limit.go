package pipeline

import (
	"context"
	"fmt"

	"credence/store/limit"
)

// limit charges the request to all limits of the key, its plan and its owner,
// or to none of them. It is the last stage: what passes it is allowed.
func (p *Pipeline) limit(ctx context.Context, c *check) Reason {
	key := c.d.Key
	if len(key.Limits)+len(key.Quotas) == 0 {
		return ReasonAllowed
	}
	outcomes, ok, err := p.options.Limiter.Take(ctx, c.now, c.route.cost, key.Limits, key.Quotas, c.d.Limits[:0])
	if err != nil {
		c.d.Failure = fmt.Errorf("limits: %w", err)
		return ReasonUnavailable
	}
	c.d.Limits = outcomes
	if ok {
		return ReasonAllowed
	}
	return refusal(c.d)
}

// refusal names the refusing limit: a spent quota outlasts any rate, so it is
// the one to tell. The caller has to wait for the slowest, and need not wait
// at all for one that would never admit the cost.
func refusal(d *Decision) Reason {
	reason, hopeless := ReasonRateLimited, false
	for i := range d.Limits {
		outcome := &d.Limits[i]
		if !outcome.Refused {
			continue
		}
		d.RetryAfter = max(d.RetryAfter, outcome.Reset)
		hopeless = hopeless || outcome.Reset >= limit.Never
		if outcome.Quota {
			reason = ReasonQuotaExhausted
		}
	}
	if hopeless {
		d.RetryAfter = 0
	}
	return reason
}
