package extauthz

import (
	"context"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// TestAThrottledKeyHasItsShareOnceTheChangeIsAppliedAndAllOfItAfterwards, on
// a real store, feed, cache and limiter.
func TestAThrottledKeyHasItsShareOnceTheChangeIsAppliedAndAllOfItAfterwards(t *testing.T) {
	p := newPlane(t, nil)
	text, k := p.key(func(k *store.Key) {
		k.Limits = []limit.Limit{{Name: "m", Limit: 10, Period: time.Minute}}
	})
	admitted := func(when string, want int) {
		t.Helper()
		for range want {
			p.want(when, text, 0, pipeline.ReasonAllowed)
		}
		p.want(when, text, 429, pipeline.ReasonRateLimited)
	}
	throttle := func(percent int) {
		k.Throttle = percent
		p.change(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateKey(ctx, k) })
		k.Version++
	}
	admitted("in full", 10)
	throttle(30)
	admitted("throttled", 3)
	p.advance(20 * time.Second)
	admitted("throttled, a third of a minute later", 1)
	throttle(0)
	p.advance(time.Minute)
	admitted("in full again", 10)
}
