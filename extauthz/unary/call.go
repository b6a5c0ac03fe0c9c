package unary

import (
	"container/list"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one call, and the context in which it is answered. Whoever answers
// it calls [Call.Reply] or [Call.Fail] once, or [Call.Send] any number of times
// before [Call.End] or Fail. What it says is valid until the answering function
// returns; as a context it may outlive it.
type Call struct {
	conn *conn
	id   uint32
	head head

	message []byte // the one message until it is answered; aliases in or partial
	broken  *refusal
	due     time.Time // zero: no deadline

	// Of whoever reads the connection.
	received int  // bytes of DATA
	ended    bool // the peer has said all (half-closed, RFC 9113, 5.1)
	inline   bool // it is answered by whoever reads
	apart    bool // it is answered by a goroutine of its own

	// Prepared is what [Options.Ahead] has prepared, for whoever answers.
	Prepared any

	waits   bool // somebody else reads on; never changes back
	escaped atomic.Bool
	gone    atomic.Bool // the peer does not want an answer any more

	// Guarded by conn.mu.
	glanced  bool          // the last glance has seen it incomplete
	unsent   int           // bytes of pending, as counted
	partial  []byte        // what has come of a message that came in pieces
	whole    bool          // it is complete
	held     int           // bytes of it, as counted (held.go)
	loan     *loan         // the buffer that the message is in, if it waits
	extra    int64         // send window beyond the initial one
	started  bool          // the head of the answer was sent
	pending  []byte        // of the answer, what does not fit into the windows
	done     bool          // nothing more will be said
	inLine   *list.Element // of conn.starving
	code     uint32
	text     string
	closed   bool // all was sent, or the peer has reset the stream
	orphaned bool // it is in conn.orphans

	std struct {
		mu  sync.Mutex
		ctx atomic.Pointer[innerContext] // made when somebody waits for the end
	}
}

type innerContext struct {
	context.Context //nolint:containedctx // it is one

	cancel context.CancelFunc
}

// Method is the path of the call, "/SERVICE/METHOD".
func (c *Call) Method() string { return c.head.path }

// Admitted reports what [Options.Admits] said of what the call shows.
func (c *Call) Admitted() bool { return c.head.admitted }

// From is the address of the peer.
func (c *Call) From() net.Addr { return c.conn.net.RemoteAddr() }

// Message is the message of the call. An error means that none came that can
// be read; it is a [*StatusError] to answer with.
func (c *Call) Message() ([]byte, error) {
	if c.broken != nil {
		return nil, &StatusError{c.broken.code, c.broken.message}
	}
	return c.message, nil
}

// StatusError is a status of gRPC other than OK.
type StatusError struct {
	Code uint32
	Text string
}

func (e *StatusError) Error() string { return e.Text }

// Deadline is when the caller gives up.
func (c *Call) Deadline() (time.Time, bool) { return c.due, !c.due.IsZero() }

// Err says whether the caller has given up.
func (c *Call) Err() error {
	if c.gone.Load() {
		return context.Canceled
	}
	if !c.due.IsZero() && c.overdue(c.conn.server.options.Now()) {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *Call) overdue(now time.Time) bool { return !c.due.IsZero() && !now.Before(c.due) }

// Done is closed when the caller gives up, or the connection ends.
func (c *Call) Done() <-chan struct{} { return c.inner().Done() }

// Value answers the call itself for [Options.WaitKey].
func (c *Call) Value(key any) any {
	if key == c.conn.server.options.WaitKey {
		return c
	}
	if ctx := c.std.ctx.Load(); ctx != nil {
		return ctx.Value(key)
	}
	return c.conn.base.Value(key)
}

// inner is a context of the standard library that ends with the call. Only
// calls that wait need one.
func (c *Call) inner() *innerContext {
	c.std.mu.Lock()
	defer c.std.mu.Unlock()
	if ctx := c.std.ctx.Load(); ctx != nil {
		return ctx
	}
	c.escaped.Store(true)
	ctx := &innerContext{}
	if c.due.IsZero() {
		ctx.Context, ctx.cancel = context.WithCancel(c.conn.base)
	} else {
		ctx.Context, ctx.cancel = context.WithTimeout(c.conn.base, c.due.Sub(c.conn.server.options.Now()))
	}
	if c.gone.Load() {
		ctx.cancel()
	}
	c.std.ctx.Store(ctx)
	return ctx
}

// cancel tells whoever answers that nobody wants it any more.
func (c *Call) cancel() {
	c.gone.Store(true)
	c.std.mu.Lock()
	defer c.std.mu.Unlock()
	if ctx := c.std.ctx.Load(); ctx != nil {
		ctx.cancel()
	}
}

// reuse makes the call ready for the next one. What somebody might still read
// who kept it as a context stays as it is.
func (c *Call) reuse() {
	c.due = time.Time{}
	c.received, c.ended, c.inline, c.apart, c.waits = 0, false, false, false, false
	c.glanced, c.Prepared = false, nil
	c.whole, c.extra, c.started, c.pending, c.done = false, 0, false, nil, false
	c.code, c.text, c.closed, c.orphaned = 0, "", false, false
}

// finish ends the context after the call was answered.
func (c *Call) finish() {
	if ctx := c.std.ctx.Load(); ctx != nil {
		ctx.cancel()
	}
}

// Wait says that the call is about to wait for something. The goroutine that
// answers it reads the connection, so another one reads on from here. Only the
// answering goroutine may call it.
func (c *Call) Wait() {
	if c.inline && !c.waits {
		c.waits = true
		c.escaped.Store(true)
		c.conn.handOver(c)
	}
}

// Reply answers with the message and status OK. The message can be reused.
func (c *Call) Reply(message []byte) {
	c.conn.reply(c, message)
	c.flush()
}

// Fail answers with a status that is not OK.
func (c *Call) Fail(code uint32, text string) {
	c.conn.fail(c, code, text)
	c.flush()
}

// Send sends one of several messages. The error is the context's once nobody
// wants it any more, or [ErrSlowReader].
func (c *Call) Send(message []byte) error {
	if err := c.conn.send(c, message); err != nil {
		return err
	}
	c.flush()
	return nil
}

// End ends an answer of several messages with status OK.
func (c *Call) End() {
	c.conn.finishStream(c)
	c.flush()
}

// flush writes at once what nobody else writes soon: whoever reads the
// connection writes the answers of all calls that came together.
func (c *Call) flush() {
	if !c.inline || c.waits {
		c.conn.flush()
	}
}
