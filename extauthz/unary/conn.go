package unary

import (
	"container/list"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstBuffer = 4 << 10
	mostBuffer  = 64 << 10
	// mostKeptCalls is how many calls are kept for the next ones.
	mostKeptCalls = 64
	// mostIdle is how many frames may come in a row that bring no call forward:
	// floods of PING, SETTINGS, RST_STREAM and empty frames end there.
	mostIdle = 10000
)

// errHandedOver tells the reading goroutine that another one reads on.
var errHandedOver = errors.New("handed over")

// conn is one connection.
type conn struct {
	server *Server
	net    net.Conn
	base   context.Context //nolint:containedctx // of the calls

	// Of whoever reads: one goroutine at a time.
	in       []byte
	from, to int // what was read and not looked at yet
	needs    int // bytes that the next frame takes
	headers  *headerReader
	opened   headerBlock
	kept     []*Call
	queue    []*Call // complete calls that are answered next (queue.go)
	taken    int     // how many of them were
	fault    error   // of the frame behind them
	idle     int
	idleAt   uint32 // glances
	changes  int    // SETTINGS
	unacked  int    // bytes of DATA for which the window was not opened again
	pings    pingWatch

	turn     atomic.Uint32 // grows when somebody else reads on
	reads    atomic.Uint64
	glances  atomic.Uint32
	openFrom atomic.Uint32 // stream whose header block is not complete, 0 for none
	patience patience      // of the server's clock

	mu       sync.Mutex
	room     sync.Cond // on mu: less is unwritten
	out      []byte
	spare    []byte
	writing  bool
	writes   uint64
	cut      bool // nothing can be written any more
	ending   bool // hang up when all is written
	hungUp   bool
	answered bool // something was sent since the last PING

	calls     map[uint32]*Call
	orphans   int       // calls that are answered though their stream was reset
	others    uint32    // calls of other methods than Options.Path, of both kinds
	starving  list.List // calls that wait for the window of the connection
	held      int       // bytes of messages in pieces
	unsent    int       // bytes of answers that the windows hold back
	lent      int       // bytes of buffers that messages are in that wait
	loan      *loan     // of in: it may not be written to
	table     answerTable
	window    int64 // for sending, of the connection
	initial   int64 // of each stream
	mostFrame int
	last      uint32 // the highest stream of the peer
	announced uint32 // as the last that is answered; 0 for nothing yet
	drained   drainState
	timers    []*time.Timer
}

// read reads what comes until the connection ends, or another goroutine
// reads on.
func (c *conn) read() {
	turn := c.turn.Load()
	defer func() {
		if p := recover(); p != nil {
			c.server.options.panicked(c.base, p)
			if c.turn.Load() == turn {
				c.end()
			} else { // somebody else reads, and comes to the end
				c.stop()
			}
		}
	}()
	for {
		switch err := c.frames(); {
		case errors.Is(err, errHandedOver):
			return
		case err != nil:
			c.violated(err)
			return
		}
		c.flush()
		if !c.fill() {
			c.end()
			return
		}
	}
}

// frames takes the complete frames that were read, and answers the calls that
// they complete.
func (c *conn) frames() error {
	for {
		if err := c.answerQueue(); err != nil {
			return err
		}
		if c.fault != nil {
			return c.fault
		}
		if c.fault = c.collect(); c.fault == nil && len(c.queue) == 0 {
			return nil
		}
	}
}

// collect takes frames until no complete one is left, or the calls that are
// complete are to be answered first: they are enough, or what comes next is
// about them. What a PING or a reset follows was answered before it.
func (c *conn) collect() error {
	for most := c.mostQueued(); c.to-c.from >= frameHeader && len(c.queue) < most; {
		f := parseFrame(c.in[c.from:])
		if len(c.queue) > 0 && !f.asks() {
			return nil
		}
		if f.length > maxFrame {
			return violation(CodeFrameSize, "frame is longer than allowed")
		}
		end := c.from + frameHeader + f.length
		if end > c.to {
			c.needs = frameHeader + f.length
			return nil
		}
		payload := c.in[c.from+frameHeader : end : end]
		c.from = end
		if err := c.frame(f, payload); err != nil {
			return err
		}
	}
	c.needs = frameHeader
	return nil
}

// fill reads more; false when nothing more comes.
func (c *conn) fill() bool {
	if c.giveBack() { // it grows again where much comes at once
		in := make([]byte, max(firstBuffer, c.needs))
		c.from, c.to, c.in = 0, copy(in, c.in[c.from:c.to]), in
	}
	if c.from == c.to {
		c.from, c.to = 0, 0
	}
	if room := len(c.in) - c.to; room == 0 || c.from+c.needs > len(c.in) {
		in := c.in
		if c.to-c.from > len(in)/2 || c.needs > len(in) {
			in = make([]byte, min(max(2*len(in), c.needs), mostBuffer))
		}
		c.to = copy(in, c.in[c.from:c.to])
		c.in, c.from = in, 0
	}
	c.waitForRoom()
	n, err := c.net.Read(c.in[c.to:])
	c.reads.Add(1)
	c.to += n
	if n == len(c.in) && n < mostBuffer { // there is more than fits
		in := make([]byte, min(2*n, mostBuffer))
		copy(in, c.in)
		c.in = in
	}
	return err == nil || n > 0
}

// handOver has another goroutine read on while the call waits. What is in the
// buffer stays there, because the message of the call is.
func (c *conn) handOver(call *Call) {
	c.lend(call)
	c.turn.Add(1)
	c.server.running.Go(func() {
		c.flush()
		c.read()
	})
}

// frame takes one frame.
func (c *conn) frame(f frame, payload []byte) error {
	if open := c.openFrom.Load(); open != 0 && (f.kind != kindContinuation || f.stream != open) {
		return violation(CodeProtocol, "header block is interrupted") // RFC 9113, 6.10
	}
	switch f.kind {
	case kindData:
		return c.data(f, payload)
	case kindHeaders:
		return c.headersFrame(f, payload)
	case kindContinuation:
		return c.continuation(f, payload)
	case kindResetStream:
		return c.resetStream(f, payload)
	case kindSettings:
		return c.settings(f, payload)
	case kindPing:
		return c.ping(f, payload)
	case kindWindowUpdate:
		return c.windowUpdate(f, payload)
	case kindGoAway:
		return c.goAway(f, payload)
	case kindPushPromise:
		return violation(CodeProtocol, "PUSH_PROMISE of a client") // RFC 9113, 8.4
	case kindPriority:
		if f.stream == 0 {
			return violation(CodeProtocol, "PRIORITY of no stream")
		}
	}
	return c.noProgress()
}

// noProgress counts frames that bring no call forward, from glance to glance.
func (c *conn) noProgress() error {
	if at := c.glances.Load(); at != c.idleAt {
		c.idle, c.idleAt = 0, at
	}
	if c.idle++; c.idle > mostIdle {
		return violation(CodeEnhanceYourCalm, "too many frames without a call")
	}
	return nil
}

// violated says goodbye to a peer who breaks the protocol, and reads what he
// has sent already for a moment: closing with unread bytes would take the
// farewell away from him.
func (c *conn) violated(err error) {
	var v *ViolationError
	if !errors.As(err, &v) {
		v = &ViolationError{CodeInternal, "internal error"}
	}
	c.server.options.violated(c.net.RemoteAddr(), v)
	c.mu.Lock()
	c.out = appendGoAway(c.out, c.lastAnswered(), v.Code, v.Text)
	c.ending = true
	c.mu.Unlock()
	c.cancelAll()
	c.flush()
	_, _ = io.Copy(io.Discard, c.net) // until hangUp closes
	c.end()
}

// hangUp ends the connection after the last word was written. mu is held.
func (c *conn) hangUp() {
	if c.hungUp {
		return
	}
	c.hungUp = true
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the peer may be gone
	}
	c.after(lingering, c.stop)
}

// end is the end of the reading.
func (c *conn) end() {
	c.mu.Lock()
	c.cutOff()
	for _, t := range c.timers {
		t.Stop()
	}
	c.timers = nil
	for _, call := range c.calls {
		c.dropAnswer(call)
		if !call.inline && !call.apart {
			c.letGo(call) // those that are answered let go by themselves
		}
	}
	c.forgetQueue()
	c.mu.Unlock()
	_ = c.net.Close() // whatever that says
	c.giveBack()
	c.cancelAll()
	c.server.forget(c)
}

// cutOff has nothing more written. Who calls it closes the socket when he does
// not hold mu: TLS says goodbye, which can take a while. mu is held.
func (c *conn) cutOff() {
	if c.cut {
		return
	}
	c.cut = true
	c.out = nil
	c.room.Broadcast()
}

// stop cuts the connection off, and whatever is answered on it.
func (c *conn) stop() {
	c.mu.Lock()
	c.cutOff()
	c.mu.Unlock()
	_ = c.net.Close() // whatever that says
	c.cancelAll()
}

// cancelAll tells everybody who answers a call that nobody wants it.
func (c *conn) cancelAll() {
	c.mu.Lock()
	calls := make([]*Call, 0, len(c.calls))
	for _, call := range c.calls {
		calls = append(calls, call)
	}
	c.mu.Unlock()
	for _, call := range calls {
		call.cancel()
	}
}

// after calls fn later, unless the connection ends before. mu is held.
func (c *conn) after(d time.Duration, fn func()) {
	if !c.cut {
		c.timers = append(c.timers, time.AfterFunc(d, fn))
	}
}
