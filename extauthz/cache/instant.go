package cache

import "time"

// instant is a moment by both clocks: the monotonic one stands still while the
// machine sleeps, and the wall clock can be set back.
type instant struct {
	monotonic time.Duration // since the cache was made
	wall      int64         // Unix nanoseconds
}

func (c *Cache) now() instant { return c.instantOf(c.options.Now()) }

func (c *Cache) instantOf(t time.Time) instant { return instant{t.Sub(c.started), t.UnixNano()} }

// elapsed is the time from then to now by the clock that says more. An error
// on the side of more only has the store asked earlier.
func elapsed(then, now instant) time.Duration {
	return max(now.monotonic-then.monotonic, time.Duration(now.wall-then.wall))
}

// before is the moment that was age ago.
func (i instant) before(age time.Duration) instant {
	return instant{i.monotonic - age, i.wall - int64(age)}
}
