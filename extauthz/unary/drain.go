package unary

import (
	"math/rand/v2"
	"time"
)

const (
	// lingering is how long a connection that ends stays open for reading, so
	// that its peer can read the last word.
	lingering = time.Second
	// drainWait is how long the peer has to answer the ping after the first
	// GOAWAY.
	drainWait = 5 * time.Second
)

// drainState is how far a connection that ends softly is (RFC 9113, 6.8).
type drainState uint8

const (
	drainNone  drainState = iota
	drainFirst            // the peer was asked to open no more streams
	drainFinal            // later streams are not looked at any more
)

// drainPing comes back when the peer has read the first GOAWAY.
//
//nolint:gochecknoglobals // a constant
var drainPing = [8]byte{'g', 'o', 'o', 'd', ' ', 'b', 'y', 'e'}

// age ends the connection softly when it is old, give or take a tenth, so that
// not all end together.
func (c *conn) age() {
	o := c.server.options
	if o.MaxAge <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after(jittered(o.MaxAge), func() {
		c.drain()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.after(o.MaxAgeGrace, c.stop)
	})
}

// jittered is the age, give or take a tenth.
func jittered(age time.Duration) time.Duration {
	return age + time.Duration(float64(age)*(rand.Float64()-0.5)/5) //nolint:gosec // no secret
}

// drain asks the peer to open no more streams. What he opens until he has read
// it is answered.
func (c *conn) drain() {
	c.mu.Lock()
	if c.drained != drainNone || c.ending {
		c.mu.Unlock()
		return
	}
	c.drained = drainFirst
	c.out = appendGoAway(c.out, maxStream, CodeNo, "")
	c.out = appendPing(c.out, 0, drainPing)
	c.after(drainWait, c.drainFinally)
	c.mu.Unlock()
	c.flush()
}

// drainFinally says which stream is the last one, and ends the connection
// when all calls are answered.
func (c *conn) drainFinally() {
	c.mu.Lock()
	if c.drained != drainFirst || c.ending {
		c.mu.Unlock()
		return
	}
	c.drained = drainFinal
	c.out = appendGoAway(c.out, c.lastAnswered(), CodeNo, "")
	c.endIfDrained()
	c.mu.Unlock()
	c.flush()
}

// lastAnswered is the last stream that is answered. What the peer was told
// once is not taken back (RFC 9113, 6.8). mu is held.
func (c *conn) lastAnswered() uint32 {
	if c.announced == 0 {
		c.announced = c.last
	}
	return c.announced
}

// endIfDrained has the connection end with what is written next. mu is held.
func (c *conn) endIfDrained() {
	if c.drained == drainFinal && len(c.calls) == 0 {
		c.ending = true
	}
}

// goAway takes GOAWAY: the peer will hang up when it has its answers.
func (c *conn) goAway(f frame, payload []byte) error {
	if f.stream != 0 {
		return violation(CodeProtocol, "GOAWAY of a stream")
	}
	if len(payload) < 8 {
		return violation(CodeFrameSize, "GOAWAY is too short")
	}
	return c.noProgress()
}
