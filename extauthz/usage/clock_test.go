package usage

import (
	"testing"
	"time"

	"credence/extauthz/pipeline"
)

// TestAClockThatGoesBackOrJumpsAheadLosesNoCheckAndCountsNoneTwice.
func TestAClockThatGoesBackOrJumpsAheadLosesNoCheckAndCountsNoneTwice(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	for _, step := range []time.Duration{0, -5 * time.Minute, -time.Hour, 2 * time.Hour, -55 * time.Minute, 0} {
		at.advance(step)
		c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"), nil, at.now(), time.Millisecond)
		c.Count(decision("", pipeline.ReasonUnknownKey, "192.0.2.9"), nil, at.now(), 0)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.keys, map[string]int64{"key_1 allowed": 6, " unknown_key": 6})
	if l.latency != 6*time.Millisecond {
		t.Errorf("latency %s", l.latency)
	}
}
