package redis

import (
	"sync"
	"testing"
	"time"
	"unsafe"
)

// clock is that of one machine: a wall clock that can be set, and a monotonic
// one that stands still while the machine sleeps.
type clock struct {
	mu   sync.Mutex
	base time.Time // with a monotonic reading
	at   instants
}

// instants are a moment by both clocks, since the base.
type instants struct{ monotonic, wall time.Duration }

// since is what has passed by the clock that says more.
func (i instants) since(then instants) time.Duration {
	return max(i.monotonic-then.monotonic, i.wall-then.wall)
}

func (c *clock) read() instants {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(monotonic, wall time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at.monotonic += monotonic
	c.at.wall += wall
}

// Now is what time.Now would answer.
func (c *clock) Now() time.Time {
	at := c.read()
	return setWall(c.base.Add(at.monotonic), at.wall-at.monotonic)
}

// setWall moves the wall clock of a time and leaves its monotonic reading,
// which package time lets nobody do but the machine. by is whole seconds, and
// t has a monotonic reading: then bits 30 to 62 of the first word are seconds.
func setWall(t time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}

func TestTheTwoClocksOfTheModelAreApart(t *testing.T) {
	base := time.Now()
	for _, by := range []time.Duration{-time.Hour, -time.Second, 0, time.Minute, 24 * time.Hour} {
		c := clock{base: base}
		c.advance(10*time.Second, 10*time.Second+by)
		now := c.Now()
		if got := now.Sub(base); got != 10*time.Second {
			t.Errorf("set by %s, the monotonic clock says %s", by, got)
		}
		if got := now.Round(0).Sub(base.Round(0)); got != 10*time.Second+by {
			t.Errorf("set by %s, the wall clock says %s", by, got)
		}
	}
}
