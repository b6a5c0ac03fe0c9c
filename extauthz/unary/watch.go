package unary

import "time"

const (
	// glance is how often the connections are looked at. Between two glances
	// at the same write, or the same half of a header block, lies at least that.
	glance = 10 * time.Second
	// silence is after how many glances without a word a peer is pinged, and
	// farewell how many more it has to answer.
	silence  = 720
	farewell = 2
)

// patience is what the last glance at a connection saw.
type patience struct {
	writes uint64
	reads  uint64
	open   uint32 // stream of the header block
	silent int    // glances
}

// watch looks at all connections until there are none any more.
func (s *Server) watch() {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
			s.look()
		}
	}
}

// look cuts off who holds a connection up.
func (s *Server) look() {
	for _, c := range s.all() {
		c.glances.Add(1)
		if c.stuck() {
			c.stop()
		}
	}
}

// stuck compares the connection with what the last glance saw: the peer reads
// nothing of what is written, has not gone on with a header block, or, after a
// long silence, does not answer a ping.
func (c *conn) stuck() bool {
	c.mu.Lock()
	now := patience{reads: c.reads.Load(), open: c.openFrom.Load()}
	if c.writing {
		now.writes = c.writes
	}
	then := c.patience
	if now.reads == then.reads {
		now.silent = then.silent + 1
	}
	c.patience = now
	if now.silent == silence {
		c.out = appendPing(c.out, 0, silencePing)
	}
	c.expire()
	said := len(c.out) > 0
	c.mu.Unlock()
	if said {
		c.server.watching.Go(c.flush) // which may be held up
	}
	return now.writes != 0 && now.writes == then.writes || now.open != 0 && now.open == then.open || now.silent > silence+farewell
}

// expire ends calls whose request has not come in all the time between two
// glances, and those whose caller has given up. mu is held.
func (c *conn) expire() {
	now := c.server.options.Now()
	for _, call := range c.calls {
		late := !call.whole && call.glanced
		call.glanced = !call.whole
		if late || call.overdue(now) && (!call.whole || len(call.pending) > 0) {
			c.out = appendResetStream(c.out, call.id, CodeCancel)
			c.drop(call)
		}
	}
}

// silencePing comes back from a peer who is there.
//
//nolint:gochecknoglobals // a constant
var silencePing = [8]byte{'s', 't', 'i', 'l', 'l', 'o', 'n', '?'}
