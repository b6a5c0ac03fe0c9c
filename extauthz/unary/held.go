package unary

import (
	"maps"
	"slices"
)

const (
	// mostHeld is how much a connection keeps of messages that came in pieces
	// until they are answered.
	mostHeld = 8 << 20
	// mostLent is how much more the messages pin that wait. It has room for as
	// many Checks as a proxy's bounds let through, in buffers of their own.
	mostLent = 32 << 20
	// mostHeldByAll is how much all connections keep of both, and share what a
	// connection may have though the others keep all of that.
	mostHeldByAll = 128 << 20
	share         = 128 << 10
	// roomMade is how much is free again after those who keep most had to let go.
	roomMade = 8 << 20
)

// makeRoom ends requests that have not come whole, of who keeps most first,
// the oldest first: who comes last is not the one who pays, nor is who keeps
// little, if there is room without. false when what is kept is all needed.
func (s *Server) makeRoom() bool {
	kept := map[*conn]int{}
	for _, c := range s.all() {
		c.mu.Lock()
		if c.held > 0 {
			kept[c] = c.held
		}
		c.mu.Unlock()
	}
	most := slices.SortedFunc(maps.Keys(kept), func(a, b *conn) int { return kept[b] - kept[a] })
	for _, c := range most {
		if s.held.Load() <= mostHeldByAll-roomMade || kept[c] <= share && s.held.Load() <= mostHeldByAll {
			break
		}
		c.relieve()
	}
	return s.held.Load() <= mostHeldByAll
}

// relieve ends incomplete requests of the connection until there is room.
func (c *conn) relieve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(c.calls)) {
		if c.server.held.Load() <= mostHeldByAll-roomMade {
			break
		}
		if call := c.calls[id]; !call.whole && call.held > 0 {
			c.out = appendResetStream(c.out, id, CodeEnhanceYourCalm)
			c.drop(call)
		}
	}
	// The next glance has it written, if nobody else does before.
}

// full reports whether a connection may open no more streams. mu is held.
func (c *conn) full(inline bool) bool {
	o := &c.server.options
	return uint32(len(c.calls)+c.orphans) >= o.MaxStreams || !inline && c.others >= o.MaxOthers ||
		c.lent > mostLent || c.held+c.lent > share && c.server.held.Load() > mostHeldByAll
}

// hold keeps a piece of a message, and counts what that takes; false when it
// is too much for one connection. mu is held.
func (c *conn) hold(call *Call, piece []byte) bool {
	before := cap(call.partial)
	call.partial = append(call.partial, piece...)
	n := cap(call.partial) - before
	call.held += n
	c.held += n
	c.server.held.Add(int64(n))
	return c.held <= mostHeld
}

// letGo forgets what is kept of the message of a call. mu is held.
func (c *conn) letGo(call *Call) {
	c.held -= call.held
	c.server.held.Add(-int64(call.held))
	call.held, call.partial = 0, nil
	if call.loan != nil {
		c.repay(call.loan)
		call.loan = nil
	}
}

// loan is a buffer that was read into. It is pinned until all messages in it
// are answered that waited.
type loan struct{ size, users int }

// lend counts the buffer, in which the message of the call is, as pinned.
func (c *conn) lend(call *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.held > 0 { // it has memory of its own
		return
	}
	if c.loan == nil {
		c.loan = &loan{size: len(c.in), users: 1} // whoever reads
		c.lent += c.loan.size
		c.server.held.Add(int64(c.loan.size))
	}
	c.loan.users++
	call.loan = c.loan
}

// giveBack reports whether the buffer was lent, and whoever reads has to take
// another one.
func (c *conn) giveBack() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loan == nil {
		return false
	}
	c.repay(c.loan)
	c.loan = nil
	return true
}

// repay is called with mu held.
func (c *conn) repay(l *loan) {
	if l.users--; l.users == 0 {
		c.lent -= l.size
		c.server.held.Add(-int64(l.size))
	}
}
