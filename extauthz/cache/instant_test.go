package cache

import (
	"testing"
	"time"
)

func TestTheClockThatSaysMoreCounts(t *testing.T) {
	then := instant{monotonic: time.Hour, wall: 1_000_000}
	for name, now := range map[string]instant{
		"both clocks agree":           {then.monotonic + time.Minute, then.wall + int64(time.Minute)},
		"the machine slept":           {then.monotonic + time.Second, then.wall + int64(time.Minute)},
		"the wall clock was set back": {then.monotonic + time.Minute, then.wall - int64(time.Hour)},
	} {
		if got := elapsed(then, now); got != time.Minute {
			t.Errorf("%s: %s elapsed, want 1m", name, got)
		}
	}
}
