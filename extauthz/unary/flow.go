package unary

import "encoding/binary"

const (
	// connectionWindow is how much DATA of all streams together may be under
	// way to us; it is opened again as soon as a quarter of it has come. What
	// is kept of it is bounded by stream.
	connectionWindow = 1 << 20
	initialWindow    = 1<<16 - 1 // of both, before anybody says otherwise
	// mostSettings bounds the SETTINGS of a connection: each can touch all calls.
	mostSettings = 1000
)

// received accounts for DATA of the connection (RFC 9113, 6.9).
func (c *conn) received(n int) error {
	c.unacked += n
	if c.unacked > connectionWindow {
		return violation(CodeFlowControl, "more DATA than the window of the connection")
	}
	if c.unacked >= connectionWindow/4 {
		c.mu.Lock()
		c.out = appendWindowUpdate(c.out, 0, uint32(c.unacked))
		c.mu.Unlock()
		c.unacked = 0
	}
	return nil
}

// windowUpdate takes WINDOW_UPDATE (RFC 9113, 6.9).
func (c *conn) windowUpdate(f frame, payload []byte) error {
	if len(payload) != 4 {
		return violation(CodeFrameSize, "WINDOW_UPDATE of a wrong length")
	}
	n := int64(binary.BigEndian.Uint32(payload) & maxWindow)
	if f.stream == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.window += n; n == 0 || c.window > maxWindow {
			return windowViolation(n)
		}
		c.feed()
		return c.noProgress()
	}
	if f.stream > c.last || f.stream%2 == 0 {
		return violation(CodeProtocol, "WINDOW_UPDATE of a stream that was not opened")
	}
	call := c.find(f.stream)
	if call == nil {
		return c.noProgress()
	}
	c.mu.Lock()
	call.extra += n
	overflows := n == 0 || c.initial+call.extra > maxWindow
	if !overflows && !call.closed {
		c.pump(call)
	}
	c.mu.Unlock()
	if overflows {
		return c.resetCall(call, windowCode(n))
	}
	return c.noProgress()
}

func windowCode(n int64) Code {
	if n == 0 {
		return CodeProtocol
	}
	return CodeFlowControl
}

func windowViolation(n int64) error {
	return violation(windowCode(n), "window grows by nothing, or too far")
}

// settings takes SETTINGS (RFC 9113, 6.5).
func (c *conn) settings(f frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return violation(CodeProtocol, "SETTINGS of a stream")
	case f.has(flagAck) && len(payload) != 0, len(payload)%settingSize != 0:
		return violation(CodeFrameSize, "SETTINGS of a wrong length")
	case f.has(flagAck):
		return c.noProgress()
	}
	if c.changes++; c.changes > mostSettings {
		return violation(CodeEnhanceYourCalm, "too many SETTINGS")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.initial
	for ; len(payload) > 0; payload = payload[settingSize:] {
		s := setting{binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:])}
		if err := c.set(s); err != nil {
			return err
		}
	}
	c.out = appendFrame(c.out, frame{kind: kindSettings, flags: flagAck})
	if c.initial == before {
		return c.noProgress()
	}
	return c.widen()
}

// widen goes on where the initial window has changed, which holds for the
// streams under way too (RFC 9113, 6.9.2). mu is held.
func (c *conn) widen() error {
	for _, call := range c.calls {
		if c.initial+call.extra > maxWindow {
			return violation(CodeFlowControl, "INITIAL_WINDOW_SIZE makes a window too large")
		}
		c.pump(call)
	}
	return c.noProgress()
}

// set applies one parameter (RFC 9113, 6.5.2). mu is held.
func (c *conn) set(s setting) error {
	switch s.id {
	case settingHeaderTableSize:
		c.table.limit(s.value)
	case settingEnablePush:
		if s.value > 1 {
			return violation(CodeProtocol, "ENABLE_PUSH is neither 0 nor 1")
		}
	case settingInitialWindow:
		if s.value > maxWindow {
			return violation(CodeFlowControl, "INITIAL_WINDOW_SIZE is too large")
		}
		c.initial = int64(s.value)
	case settingMaxFrame:
		if s.value < maxFrame || s.value > 1<<24-1 {
			return violation(CodeProtocol, "MAX_FRAME_SIZE is out of its range")
		}
		c.mostFrame = int(s.value)
	}
	return nil // of the others, none concerns a server that pushes nothing
}
