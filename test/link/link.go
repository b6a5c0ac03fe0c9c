// Package link is a TCP line between two processes of a test that can be cut,
// held up or slowed down while both go on.
//
//	client > Line.Address > (cut? held? delayed?) > upstream
//
// A line is whole when it starts. Whatever state it is in, bytes arrive in
// order and none is lost but with the connection it belongs to.
package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Line carries connections to one upstream.
type Line struct {
	Address netip.AddrPort // where clients connect

	upstream string
	listener net.Listener
	ctx      context.Context //nolint:containedctx // the lifetime of the line, not of a call
	end      context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed when the state is another
	open    map[net.Conn]struct{}
}

// state is what becomes of the bytes.
type state struct {
	cut   bool
	held  bool
	delay time.Duration
}

// Start listens on a free loopback port; upstream is host:port. Close ends it.
func Start(ctx context.Context, upstream string) (*Line, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("line to %s: %w", upstream, err)
	}
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("line to %s: %w", upstream, errors.Join(err, listener.Close()))
	}
	l := &Line{Address: address, upstream: upstream, listener: listener, changed: make(chan struct{}), open: map[net.Conn]struct{}{}}
	l.ctx, l.end = context.WithCancel(context.WithoutCancel(ctx))
	l.running.Go(l.accept)
	return l, nil
}

// Cut breaks every connection and all that are made from now on.
func (l *Line) Cut() { l.become(state{cut: true}) }

// Hold lets nothing pass: connections stay open and nobody answers.
func (l *Line) Hold() { l.become(state{held: true}) }

// Slow lets everything arrive later by delay, in each direction.
func (l *Line) Slow(delay time.Duration) { l.become(state{delay: delay}) }

// Mend makes the line whole again. What was held arrives.
func (l *Line) Mend() { l.become(state{}) }

// Close breaks all connections and waits until nothing of the line runs.
func (l *Line) Close() error {
	l.end()
	err := l.listener.Close()
	l.Cut()
	l.running.Wait()
	return err
}

func (l *Line) become(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
	if s.cut {
		for conn := range l.open {
			_ = conn.Close() // as a broken line does: nobody is told why
		}
	}
}

func (l *Line) now() (state, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

func (l *Line) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // Close
		}
		l.running.Go(func() { l.carry(conn) })
	}
}

// carry is one connection, to its end.
func (l *Line) carry(client net.Conn) {
	defer client.Close() //nolint:errcheck // it has ended
	if s, _ := l.now(); s.cut {
		return
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(l.ctx, "tcp", l.upstream)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // it has ended
	if !l.keep(client, server) {
		return
	}
	defer l.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() { l.pump(server, client) })
	both.Go(func() { l.pump(client, server) })
	both.Wait()
}

// keep remembers the ends, so that Cut finds them; it answers false when the
// line was cut meanwhile.
func (l *Line) keep(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.cut {
		return false
	}
	for _, end := range ends {
		l.open[end] = struct{}{}
	}
	return true
}

func (l *Line) forget(ends ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range ends {
		delete(l.open, end)
	}
}

// pump carries one direction. When it ends, so does the other: a database
// connection that is half open is of no use.
func (l *Line) pump(to, from net.Conn) {
	defer to.Close()   //nolint:errcheck // ends the other direction
	defer from.Close() //nolint:errcheck // as above
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.passes() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil { // io.EOF included
			return
		}
	}
}

// passes returns when the bytes may go on; false when they never will.
func (l *Line) passes() bool {
	begun := time.Now()
	for {
		s, changed := l.now()
		var due <-chan time.Time
		switch rest := s.delay - time.Since(begun); {
		case s.cut:
			return false
		case s.held: // until it is something else
		case rest <= 0:
			return true
		default:
			due = time.After(rest)
		}
		select {
		case <-changed:
		case <-due:
		case <-l.ctx.Done():
			return false
		}
	}
}

var _ io.Closer = (*Line)(nil)
