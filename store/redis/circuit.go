package redis

import (
	"sync"
	"time"
)

// trips is how many calls in a row have to fail before Redis counts as away.
const trips = 3

// circuit remembers whether Redis answers. While it is open nobody asks; a
// probe closes it.
type circuit struct {
	mu     sync.Mutex
	row    int       // failures since the last success
	open   bool      // Redis is away
	since  time.Time // when it opened, or closed again
	cause  error     // why it opened
	losses int64     // how often it opened
}

// allows reports whether a call may be made.
func (c *circuit) allows() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.open
}

// failed counts a failure and reports whether it opened the circuit.
func (c *circuit) failed(err error, now time.Time) (opened bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row++
	if c.open || c.row < trips {
		return false
	}
	c.open, c.since, c.cause = true, now, err
	c.losses++
	return true
}

// succeeded ends a row of failures. It does not close the circuit: an answer
// that was under way when it opened says nothing about now.
func (c *circuit) succeeded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row = 0
}

// close lets calls through again.
func (c *circuit) close(now time.Time) (away time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	away = now.Sub(c.since)
	c.open, c.row, c.since, c.cause = false, 0, now, nil
	return away
}

// state is a copy of what is known.
func (c *circuit) state() (open bool, since time.Time, losses int64, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, c.since, c.losses, c.cause
}
