package unary

import (
	"context"
	"encoding/binary"
	"errors"
)

const (
	// mostUnwritten is how much waits for a peer who does not read, beside what
	// is held back: what the windows allow is held back, too, from there on, and
	// whoever reads the connection waits.
	mostUnwritten = 256 << 10
	// mostWritten is the most that is written at a time. Who takes that in the
	// time between two glances is not stuck.
	mostWritten = 64 << 10
	// mostKept is the largest buffer that is kept for the next answers.
	mostKept = 64 << 10
	// mostUnsent is how much of all answers of a connection its windows may
	// hold back.
	mostUnsent = 16 << 20
	// mostPending is how much of one call's messages the windows may hold back.
	mostPending = 64 << 10
)

// ErrSlowReader means that the peer does not read what a call sends.
var ErrSlowReader = errors.New("messages are not read")

// reply puts head, message and trailer of an answer into the buffer: at once
// when the windows allow it and the peer reads, as is nearly always so.
func (c *conn) reply(call *Call, message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.done || call.closed {
		return
	}
	call.done = true
	size := messagePrefix + len(message)
	if call.started || len(call.pending) > 0 || int64(size) > min(c.window, c.initial+call.extra) || size > c.mostFrame || c.backlogged() {
		c.begin(call)
		c.holdBack(call, message)
		return
	}
	c.begin(call)
	c.out = appendFrame(c.out, frame{length: size, kind: kindData, stream: call.id})
	c.out = appendMessage(c.out, message)
	c.window -= int64(size)
	c.trail(call)
}

func appendMessage(b, message []byte) []byte {
	b = append(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(message)))
	return append(b, message...)
}

// fail answers with a status; what was held back of messages is forgotten.
func (c *conn) fail(call *Call, code uint32, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.done || call.closed {
		return
	}
	if code == 0 { // which is no failure, and has a form of its own
		code = statusInternal
	}
	c.dropAnswer(call)
	call.done, call.code, call.text = true, code, text
	c.trail(call)
}

func (c *conn) send(call *Call, message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case call.done || call.closed:
		return context.Canceled
	case len(call.pending)+len(message) > mostPending:
		return ErrSlowReader
	}
	c.begin(call)
	c.holdBack(call, message)
	if call.closed {
		return context.Canceled
	}
	return nil
}

func (c *conn) finishStream(call *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.done || call.closed {
		return
	}
	c.begin(call)
	call.done = true
	c.pump(call)
}

// The rest is called with c.mu held.

// begin sends the head of the answer, once.
func (c *conn) begin(call *Call) {
	if call.started {
		return
	}
	call.started = true
	c.answered = true
	c.appendBlock(call.id, 0, c.table.appendHead)
}

// appendBlock appends a HEADERS frame. Blocks of answers are far shorter than
// any frame may be.
func (c *conn) appendBlock(stream uint32, flags byte, block func([]byte) []byte) {
	at := len(c.out)
	c.out = appendFrame(c.out, frame{kind: kindHeaders, flags: flags | flagEndHeaders, stream: stream})
	c.out = block(c.out)
	length := len(c.out) - at - frameHeader
	c.out[at], c.out[at+1], c.out[at+2] = byte(length>>16), byte(length>>8), byte(length)
}

// holdBack sends a message as the windows allow. One that is more than a
// connection may hold back ends its call.
func (c *conn) holdBack(call *Call, message []byte) {
	if c.cut { // nobody would ever take it
		c.drop(call)
		return
	}
	n := messagePrefix + len(message)
	call.unsent += n
	c.unsent += n
	if held := c.server.held.Add(int64(n)); c.unsent > mostUnsent || c.unsent > share && held > mostHeldByAll {
		c.out = appendResetStream(c.out, call.id, CodeEnhanceYourCalm)
		c.drop(call)
		return
	}
	call.pending = appendMessage(call.pending, message)
	c.pump(call)
}

// dropAnswer forgets what was held back.
func (c *conn) dropAnswer(call *Call) {
	c.unsent -= call.unsent
	c.server.held.Add(-int64(call.unsent))
	call.unsent, call.pending = 0, nil
}

// pump sends what the windows allow of what is held back, and the trailer
// after the last of it. A call that its own window stops goes on with an
// update of that; one that the window of the connection stops, or a peer who
// does not read, gets in line. After the deadline nothing is sent: proxies would still take it for an answer.
func (c *conn) pump(call *Call) {
	if len(call.pending) > 0 && call.overdue(c.server.options.Now()) {
		c.out = appendResetStream(c.out, call.id, CodeCancel)
		c.drop(call)
		return
	}
	for len(call.pending) > 0 {
		n := min(int64(len(call.pending)), c.window, c.initial+call.extra, int64(c.mostFrame), mostWritten)
		if n <= 0 || c.backlogged() {
			if (c.window <= 0 || c.backlogged()) && call.inLine == nil {
				call.inLine = c.starving.PushBack(call)
			}
			return
		}
		c.out = appendFrame(c.out, frame{length: int(n), kind: kindData, stream: call.id})
		c.out = append(c.out, call.pending[:n]...)
		call.pending = call.pending[n:]
		c.window -= n
		call.extra -= n
		c.answered = true
	}
	c.dropAnswer(call)
	if call.done {
		c.trail(call)
	}
}

// backlogged reports whether enough waits for the peer to read.
func (c *conn) backlogged() bool { return len(c.out) >= mostUnwritten }

// feed goes on with those in line. Each leaves it, or has used up the window,
// or the room.
func (c *conn) feed() {
	for first := c.starving.Front(); first != nil && c.window > 0 && !c.backlogged(); first = c.starving.Front() {
		call, _ := first.Value.(*Call)
		c.pump(call)
		if !call.closed && (c.window <= 0 || c.backlogged()) {
			return // it stays the first
		}
		c.leaveLine(call)
	}
}

func (c *conn) leaveLine(call *Call) {
	if call.inLine != nil {
		c.starving.Remove(call.inLine)
		call.inLine = nil
	}
}

// trail ends the answer. Where the peer has not said all, it need not
// (RFC 9113, 8.1).
func (c *conn) trail(call *Call) {
	c.answered = true
	if call.code == 0 {
		c.appendBlock(call.id, flagEndStream, c.table.appendTrailer)
	} else {
		alone := !call.started
		c.appendBlock(call.id, flagEndStream, func(b []byte) []byte {
			return c.table.appendFailure(b, 200, call.code, call.text, alone)
		})
	}
	if !call.ended {
		c.out = appendResetStream(c.out, call.id, CodeNo)
	}
	c.close(call)
}

// close forgets a stream: nothing of the connection points to it any more.
func (c *conn) close(call *Call) {
	call.closed = true
	c.dropAnswer(call)
	c.leaveLine(call)
	delete(c.calls, call.id)
	if !call.head.inline && !call.orphaned {
		c.others--
	}
	c.endIfDrained()
}

// flush writes what is in the buffer, unless somebody does so already: who
// writes goes on until nothing is left.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return
	}
	c.writing = true
	if c.hungUp { // nothing follows the last word
		c.out = nil
	}
	for len(c.out) > 0 && !c.cut {
		out := c.out
		c.out, c.spare = c.spare[:0], nil
		c.room.Broadcast()
		c.write(out)
		if cap(out) <= mostKept {
			c.spare = out
		}
		if !c.cut {
			c.feed() // there is room again
		}
	}
	c.writing = false
	if c.ending && !c.cut {
		c.hangUp()
	}
	c.room.Broadcast()
}

// write writes, in pieces: each that the peer has taken shows that it reads.
// mu is held before and after, not meanwhile.
func (c *conn) write(out []byte) {
	for len(out) > 0 && !c.cut {
		piece := out[:min(len(out), mostWritten)]
		out = out[len(piece):]
		c.writes++
		c.mu.Unlock()
		_, err := c.net.Write(piece)
		if err != nil {
			_ = c.net.Close() // whatever that says
		}
		c.mu.Lock()
		if err != nil {
			c.cutOff()
		}
	}
}

// waitForRoom holds up whoever reads while the peer does not read what others
// write.
func (c *conn) waitForRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && len(c.out) > mostUnwritten && !c.cut {
		c.room.Wait()
	}
}
