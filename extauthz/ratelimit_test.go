package extauthz

import (
	"math"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/extauthz/pipeline"
)

func rateLimitFields(ok *authv3.OkHttpResponse) (policy, state string) {
	for _, h := range ok.GetResponseHeadersToAdd() {
		switch h.GetHeader().GetKey() {
		case "ratelimit-policy":
			policy = h.GetHeader().GetValue()
		case "ratelimit":
			state = h.GetHeader().GetValue()
		}
	}
	return policy, state
}

// TestRateLimitFields: names are quoted, numbers are integers in the range of
// structured fields, times round up, and a name stands once, tightest first.
func TestRateLimitFields(t *testing.T) {
	for name, c := range map[string]struct {
		limits        []pipeline.LimitOutcome
		policy, state string
	}{
		"none": {},
		"sub-second": {
			[]pipeline.LimitOutcome{{Name: "a", Limit: 10, Period: time.Millisecond, Remaining: 9, Reset: time.Millisecond}},
			`"a";q=10;w=1`, `"a";r=9;t=1`,
		},
		"one name twice": {
			[]pipeline.LimitOutcome{
				{Name: "a", Limit: 10, Period: time.Second, Remaining: 9},
				{Name: "b", Limit: 1, Period: time.Minute, Remaining: 1},
				{Name: "a", Limit: 5, Period: time.Second, Remaining: 2},
			},
			`"b";q=1;w=60, "a";q=5;w=1`, `"b";r=1;t=0, "a";r=2;t=0`,
		},
		"out of range": {
			[]pipeline.LimitOutcome{{Name: "a\"\\\n", Limit: math.MaxInt64, Period: math.MaxInt64, Remaining: -5, Reset: -5}},
			`"a\"\\?";q=999999999999999;w=9223372037`, `"a\"\\?";r=0;t=0`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, off := range []bool{false, true} {
				m := answered(t, newTestAnswerer(t, AnswerOptions{NoRateLimitFields: off}), getOrders(), func(d *pipeline.Decision) {
					d.Reason, d.Limits = pipeline.ReasonAllowed, c.limits
				})
				want, wantState := c.policy, c.state
				if off {
					want, wantState = "", ""
				}
				if policy, state := rateLimitFields(m.GetOkResponse()); policy != want || state != wantState {
					t.Errorf("off %v:\n%s\n%s\nwant\n%s\n%s", off, policy, state, want, wantState)
				}
			}
		})
	}
}

// TestRateLimitFieldsAreBounded: many limits do not make a huge header.
func TestRateLimitFieldsAreBounded(t *testing.T) {
	var limits []pipeline.LimitOutcome
	for i := range 100 {
		limits = append(limits, pipeline.LimitOutcome{Name: string(rune('A' + i))})
	}
	m := answered(t, newTestAnswerer(t, AnswerOptions{}), getOrders(), func(d *pipeline.Decision) {
		d.Reason, d.Limits = pipeline.ReasonAllowed, limits
	})
	if _, state := rateLimitFields(m.GetOkResponse()); strings.Count(state, ";r=") != maxReported {
		t.Errorf("%s", state)
	}
}

// TestRetryAfterIsAWholeSecondAtLeast, and never shorter than what RateLimit
// says of a limit that refused.
func TestRetryAfterIsAWholeSecondAtLeast(t *testing.T) {
	retry := func(r pipeline.Reason, after, reset time.Duration) string {
		m := answered(t, newTestAnswerer(t, AnswerOptions{}), getOrders(), func(d *pipeline.Decision) {
			d.Reason, d.RetryAfter = r, after
			d.Limits = []pipeline.LimitOutcome{{Name: "a", Reset: reset, Refused: true}, {Name: "b", Reset: time.Hour}}
		})
		for _, h := range m.GetDeniedResponse().GetHeaders() {
			if h.GetHeader().GetKey() == "retry-after" {
				return h.GetHeader().GetValue()
			}
		}
		return ""
	}
	for _, c := range []struct {
		reason       pipeline.Reason
		after, reset time.Duration
		want         string
	}{
		{pipeline.ReasonRateLimited, 0, 0, "1"},
		{pipeline.ReasonRateLimited, time.Millisecond, 0, "1"},
		{pipeline.ReasonRateLimited, 1001 * time.Millisecond, 0, "2"},
		{pipeline.ReasonRateLimited, time.Second, 3 * time.Second, "3"},
		{pipeline.ReasonUnavailable, 0, 0, "1"},
		{pipeline.ReasonUnknownKey, time.Minute, 0, ""},
	} {
		if got := retry(c.reason, c.after, c.reset); got != c.want {
			t.Errorf("%s after %s, reset %s: %q, want %q", c.reason, c.after, c.reset, got, c.want)
		}
	}
}
