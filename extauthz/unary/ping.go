package unary

import "time"

// pingWatch counts pings that come too often. Of whoever reads.
type pingWatch struct {
	last    time.Time
	strikes int
}

// mostStrikes pings that come too early are forgiven.
const mostStrikes = 2

// ping takes PING (RFC 9113, 6.7): it is answered, unless it comes too often
// while nothing else happens, as gRPC's servers have it (A8).
func (c *conn) ping(f frame, payload []byte) error {
	if len(payload) != 8 {
		return violation(CodeFrameSize, "PING of a wrong length")
	}
	if f.stream != 0 {
		return violation(CodeProtocol, "PING of a stream")
	}
	data := [8]byte(payload)
	if f.has(flagAck) {
		if data == drainPing {
			c.drainFinally()
		}
		return c.noProgress()
	}
	now := c.server.options.Now()
	c.mu.Lock()
	c.out = appendPing(c.out, flagAck, data)
	answered := c.answered
	c.answered = false
	c.mu.Unlock()
	early := now.Sub(c.pings.last) < c.server.options.MinPing
	c.pings.last = now
	switch {
	case answered:
		c.pings.strikes = 0
	case early:
		c.pings.strikes++
	}
	if c.pings.strikes > mostStrikes {
		return violation(CodeEnhanceYourCalm, "too_many_pings")
	}
	return c.noProgress()
}
