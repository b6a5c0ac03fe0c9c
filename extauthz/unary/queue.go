package unary

// mostQueued is how many calls are answered together. More do not get cheaper
// by it, and a proxy would wait longer for the first answers.
const mostQueued = 32

// mostQueued is how many calls may be complete before they are answered: those
// in the queue are open, and must not take the room of those behind them.
func (c *conn) mostQueued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := int(c.server.options.MaxStreams) - len(c.calls) - c.orphans
	return max(1, min(mostQueued, room))
}

// answerQueue answers the complete calls where they were read. When one of them
// waits, whoever reads from then on answers those after it.
func (c *conn) answerQueue() error {
	if len(c.queue) == 0 {
		return nil
	}
	if ahead := c.server.options.Ahead; ahead != nil && c.taken == 0 {
		ahead(c.queue)
	}
	for c.taken < len(c.queue) {
		call := c.queue[c.taken]
		c.queue[c.taken] = nil
		c.taken++
		full := c.answer(call) > mostKept
		if call.waits { // somebody else reads
			c.flush()
			return errHandedOver
		}
		c.keep(call)
		if full {
			c.flush()
		}
	}
	c.queue, c.taken = c.queue[:0], 0
	return nil
}

// answer has the call answered, and says how much is to be written.
func (c *conn) answer(call *Call) (unwritten int) {
	answered := false
	defer func() {
		if !answered { // it panics
			c.mu.Lock()
			c.letGo(call)
			c.mu.Unlock()
		}
	}()
	c.server.options.Inline(call)
	answered = true
	return c.settle(call)
}

// forgetQueue lets go of the calls that nobody answers any more. mu is held.
func (c *conn) forgetQueue() {
	for _, call := range c.queue[c.taken:] {
		c.letGo(call)
	}
	c.queue, c.taken = nil, 0
}
