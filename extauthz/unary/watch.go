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

// watch looks at all connections until the server stops.
func (s *Server) watch() {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.look()
		}
	}
}

// look cuts off who holds a connection up.
func (s *Server) look() {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
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
	ask := now.silent == silence
	if ask {
		c.out = appendPing(c.out, 0, silencePing)
	}
	c.mu.Unlock()
	if ask {
		c.server.running.Go(c.flush) // which may be held up
	}
	return now.writes != 0 && now.writes == then.writes || now.open != 0 && now.open == then.open || now.silent > silence+farewell
}

// silencePing comes back from a peer who is there.
//
//nolint:gochecknoglobals // a constant
var silencePing = [8]byte{'s', 't', 'i', 'l', 'l', 'o', 'n', '?'}
