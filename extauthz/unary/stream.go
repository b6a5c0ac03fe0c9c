package unary

import (
	"encoding/binary"
	"fmt"
)

// headersFrame takes a HEADERS frame (RFC 9113, 6.2).
func (c *conn) headersFrame(f frame, payload []byte) error {
	if f.stream == 0 || f.stream%2 == 0 {
		return violation(CodeProtocol, "HEADERS of no stream of a client")
	}
	payload, ok := unpad(f, payload)
	if !ok {
		return violation(CodeProtocol, "padding is longer than its frame")
	}
	if f.has(flagPriority) {
		const priority = 5
		if len(payload) < priority {
			return violation(CodeFrameSize, "HEADERS is too short")
		}
		payload = payload[priority:]
	}
	if f.has(flagEndHeaders) {
		return c.headerBlock(f.stream, f.has(flagEndStream), payload)
	}
	c.openFrom.Store(f.stream)
	c.opened = headerBlock{ends: f.has(flagEndStream), fragments: append(c.opened.fragments[:0], payload...)}
	return nil
}

// headerBlock is a header block that comes in pieces.
type headerBlock struct {
	ends      bool // the stream
	fragments []byte
	frames    int
}

// continuation takes a CONTINUATION frame (RFC 9113, 6.10). A block is bounded
// in bytes and in frames, or it would never end (CVE-2024-27316).
func (c *conn) continuation(f frame, payload []byte) error {
	const mostFrames = 64
	if c.openFrom.Load() == 0 {
		return violation(CodeProtocol, "CONTINUATION of no header block")
	}
	b := &c.opened
	b.frames++
	if b.frames > mostFrames || len(b.fragments)+len(payload) > 2*c.server.options.MaxHeaders {
		return violation(CodeEnhanceYourCalm, "header block is too long")
	}
	b.fragments = append(b.fragments, payload...)
	if !f.has(flagEndHeaders) {
		return nil
	}
	c.openFrom.Store(0)
	whole := c.opened
	c.opened = headerBlock{}
	return c.headerBlock(f.stream, whole.ends, whole.fragments)
}

// headerBlock takes a whole header block: a call, or the trailers of one.
func (c *conn) headerBlock(stream uint32, ends bool, block []byte) error {
	h, err := c.headers.read(block)
	if err != nil {
		return err
	}
	if stream <= c.last { // only whoever reads changes it
		return c.trailers(stream, ends)
	}
	call := c.newCall()
	call.id, call.head, call.ended, call.whole = stream, h, ends, ends
	if h.timed {
		call.due = c.server.options.Now().Add(h.timeout)
	}
	c.mu.Lock()
	c.last = stream
	refused := h.reset
	switch {
	case c.drained >= drainFinal: // the peer knows that nobody answers
		c.mu.Unlock()
		return c.noProgress()
	case refused == CodeNo && c.full(h.inline):
		refused = CodeRefusedStream
	}
	if refused != CodeNo {
		c.out = appendResetStream(c.out, stream, refused)
		c.mu.Unlock()
		if refused == CodeRefusedStream { // an honest peer who has too much to ask
			return nil
		}
		return c.noProgress()
	}
	c.calls[stream] = call
	if !h.inline {
		c.others++
	}
	if h.refusal != nil {
		call.done = true
		c.answered = true
		c.appendBlock(stream, flagEndStream, func(b []byte) []byte {
			return c.table.appendFailure(b, h.refusal.http, h.refusal.code, h.refusal.message, true)
		})
		if !ends {
			c.out = appendResetStream(c.out, stream, CodeNo)
		}
		c.close(call)
		c.mu.Unlock()
		return c.noProgress()
	}
	c.mu.Unlock()
	if ends {
		return c.complete(call)
	}
	return nil
}

// trailers takes a header block of a stream that was opened before. gRPC's
// clients send none, and whatever stands there says nothing.
func (c *conn) trailers(stream uint32, ends bool) error {
	call := c.find(stream)
	switch {
	case call == nil && !ends: // only trailers may come late
		return violation(CodeProtocol, "HEADERS of a stream that is over") // RFC 9113, 5.1.1
	case call == nil: // answered or reset already
		return c.noProgress()
	case call.inline || call.apart: // as if it had been answered already
		return c.noProgress()
	case call.ended:
		return c.resetCall(call, CodeStreamClosed)
	case !ends: // RFC 9113, 8.1: trailers end a request
		return c.resetCall(call, CodeProtocol)
	}
	return c.piece(call, nil, true)
}

func (c *conn) find(stream uint32) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[stream]
}

// hears is find for DATA, with which the peer may have said all.
func (c *conn) hears(stream uint32, all bool) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.calls[stream]
	if call != nil && all {
		call.whole = true
	}
	return call
}

// data takes a DATA frame (RFC 9113, 6.1).
func (c *conn) data(f frame, payload []byte) error {
	if f.stream == 0 {
		return violation(CodeProtocol, "DATA of no stream")
	}
	payload, ok := unpad(f, payload)
	if !ok {
		return violation(CodeProtocol, "padding is longer than its frame")
	}
	if err := c.received(f.length); err != nil {
		return err
	}
	ends := f.has(flagEndStream)
	call := c.hears(f.stream, ends)
	switch {
	case call == nil && (f.stream > c.last || f.stream%2 == 0):
		return violation(CodeProtocol, "DATA of a stream that was not opened") // RFC 9113, 5.1
	case call == nil: // answered or reset already
		return c.noProgress()
	case call.inline || call.apart: // it is being answered or refused, and nobody reads the rest
		return c.noProgress()
	case call.ended:
		return c.resetCall(call, CodeStreamClosed)
	}
	if call.received += f.length; call.received > c.server.options.streamWindow() {
		return c.resetCall(call, CodeFlowControl)
	}
	switch {
	case ends && call.received == f.length:
		call.ended = true
		call.message = payload // which is valid until the next read
		return c.complete(call)
	case !ends && len(payload) == 0:
		return c.noProgress()
	}
	return c.piece(call, payload, ends)
}

// piece takes a part of a message, which ends with the last one, or where it
// becomes too long: nobody reads the rest.
func (c *conn) piece(call *Call, payload []byte, ends bool) error {
	c.mu.Lock()
	if call.closed {
		c.mu.Unlock()
		return c.noProgress()
	}
	fits := c.hold(call, payload)
	call.ended = ends
	call.broken = c.server.options.tooLong(call.partial, call.head.inline)
	if call.whole = ends || call.broken != nil; call.whole {
		call.message = call.partial
	}
	c.mu.Unlock()
	if c.server.held.Load() > mostHeldByAll {
		fits = c.server.makeRoom() && fits
	}
	switch {
	case !fits:
		return c.resetCall(call, CodeEnhanceYourCalm)
	case call.whole:
		return c.complete(call)
	}
	return nil
}

// tooLong says so as soon as the length of a message is known.
func (o *Options) tooLong(b []byte, inline bool) *refusal {
	most := o.MaxMessage
	if !inline {
		most = o.MaxOtherMessage
	}
	if len(b) < messagePrefix {
		return nil
	}
	if n := binary.BigEndian.Uint32(b[1:]); n > uint32(most) {
		return &refusal{code: statusResourceExhausted, message: fmt.Sprintf("grpc: received message larger than max (%d vs. %d)", n, most)}
	}
	return nil
}

// unwrap takes the prefix off what came (PROTOCOL-HTTP2, "Length-Prefixed-Message"):
// there must be one message, and it must not be compressed.
func (o *Options) unwrap(b []byte, inline bool) ([]byte, *refusal) {
	switch {
	case len(b) == 0:
		return nil, &refusal{code: statusInternal, message: "cardinality violation: received no request message from non-client-streaming RPC"}
	case len(b) < messagePrefix:
		return nil, &refusal{code: statusInternal, message: "unexpected EOF"}
	}
	if r := o.tooLong(b, inline); r != nil {
		return nil, r
	}
	n := int(binary.BigEndian.Uint32(b[1:]))
	switch rest := b[messagePrefix:]; {
	case b[0] == 1:
		return nil, &refusal{code: statusInternal, message: "grpc: compressed flag set with identity or empty encoding"}
	case b[0] != 0:
		return nil, &refusal{code: statusInternal, message: fmt.Sprintf("grpc: received unexpected payload format %d", b[0])}
	case len(rest) < n, len(rest) > n && partial(rest[n:]):
		return nil, &refusal{code: statusInternal, message: "unexpected EOF"}
	case len(rest) > n:
		return nil, &refusal{code: statusInternal, message: "cardinality violation: received multiple request messages for non-client-streaming RPC"}
	default:
		return rest, nil
	}
}

// partial reports whether a message with its prefix is cut off.
func partial(b []byte) bool {
	return len(b) < messagePrefix || uint64(len(b)-messagePrefix) < uint64(binary.BigEndian.Uint32(b[1:]))
}

// complete has a call answered whose request has come, or will not: soon, with
// the others that are complete by then.
func (c *conn) complete(call *Call) error {
	c.idle = 0
	if call.broken == nil {
		call.message, call.broken = c.server.options.unwrap(call.message, call.head.inline)
	}
	if !call.head.inline {
		c.answerApart(call)
		return nil
	}
	call.inline = true
	c.queue = append(c.queue, call)
	return nil
}

// answerApart has a goroutine of its own answer the call.
func (c *conn) answerApart(call *Call) {
	call.message = append([]byte(nil), call.message...)
	call.apart = true
	c.mu.Lock()
	c.letGo(call)
	c.mu.Unlock()
	c.server.running.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				c.server.options.panicked(c.base, p)
				c.stop()
			}
		}()
		c.server.options.Others(call)
		c.settle(call)
		c.flush()
	})
}

// settle ends a call whose answering function has returned, and says how much
// is to be written. What it was asked is forgotten; its answer may wait for the
// windows for long.
func (c *conn) settle(call *Call) int {
	call.finish()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letGo(call)
	call.message, call.broken, call.head = nil, nil, head{inline: call.head.inline}
	if call.orphaned {
		c.orphans--
		if !call.head.inline {
			c.others--
		}
	}
	if !call.done && !call.closed {
		c.dropAnswer(call)
		call.done, call.code, call.text = true, statusInternal, "call was not answered"
		c.trail(call)
	}
	return len(c.out)
}

// newCall is a call that was kept, or a new one.
func (c *conn) newCall() *Call {
	if n := len(c.kept); n > 0 {
		call := c.kept[n-1]
		c.kept = c.kept[:n-1]
		return call
	}
	return &Call{conn: c}
}

// keep keeps a call for the next one, unless somebody may still hold it.
func (c *conn) keep(call *Call) {
	if call.escaped.Load() || call.gone.Load() || !call.closed || len(c.kept) >= mostKeptCalls {
		return
	}
	call.reuse()
	c.kept = append(c.kept, call)
}

// resetStream takes RST_STREAM (RFC 9113, 6.4). A call that is being answered
// goes on counting against the bound, so that resetting makes no room for more
// than may run at once (CVE-2023-44487).
func (c *conn) resetStream(f frame, payload []byte) error {
	if len(payload) != 4 {
		return violation(CodeFrameSize, "RST_STREAM of a wrong length")
	}
	if f.stream == 0 || f.stream > c.last || f.stream%2 == 0 {
		return violation(CodeProtocol, "RST_STREAM of a stream that was not opened")
	}
	if call := c.find(f.stream); call != nil {
		c.giveUp(call)
	}
	return c.noProgress()
}

// resetCall resets the stream of a call that breaks the protocol.
func (c *conn) resetCall(call *Call, code Code) error {
	c.mu.Lock()
	c.out = appendResetStream(c.out, call.id, code)
	c.mu.Unlock()
	c.giveUp(call)
	return c.noProgress()
}

// giveUp ends a call that the peer, or nobody, wants any more.
func (c *conn) giveUp(call *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(call)
}

// drop is giveUp with mu held.
func (c *conn) drop(call *Call) {
	if !call.inline && !call.apart {
		c.letGo(call)
	}
	if !call.closed {
		if !call.done && (call.inline || call.apart) {
			call.orphaned = true
			c.orphans++
		}
		c.close(call)
	}
	call.cancel()
}
