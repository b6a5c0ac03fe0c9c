package forward

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// oneCall is a listener to which one client has connected.
type oneCall struct {
	calls  chan net.Conn
	closed chan struct{}
}

func (l *oneCall) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneCall) Close() error   { close(l.closed); return nil }
func (l *oneCall) Addr() net.Addr { return &net.TCPAddr{} }

// TestWhoSendsSlowlyOrNothingIsCutOff: nobody holds a connection for nothing.
func TestWhoSendsSlowlyOrNothingIsCutOff(t *testing.T) {
	w := newWorld(t, nil)
	for title, tc := range map[string]struct {
		says string
		most time.Duration
	}{
		"nothing":        {"", headerTimeout},
		"half a head":    {"GET /envoy/ HTTP/1.1\r\nHost: h\r\nX-Slow: ", headerTimeout},
		"half a body":    {"POST /envoy/ HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{", idleTimeout + readTimeout},
		"nothing more":   {"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n", idleTimeout},
		"nothing behind": {"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\nGET /ready", headerTimeout},
	} {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &oneCall{calls: make(chan net.Conn, 1), closed: make(chan struct{})}
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error)
				go func() {
					served <- w.handler.Serve(ctx, l, ServeOptions{Logger: slog.New(slog.DiscardHandler), Timeout: time.Second})
				}()
				ours, theirs := net.Pipe()
				l.calls <- theirs
				begun := time.Now()
				go func() { _, _ = io.WriteString(ours, tc.says) }() // may be cut off
				_, _ = io.Copy(io.Discard, ours)                     // until it is closed
				if took := time.Since(begun); took > tc.most+time.Second {
					t.Errorf("cut off after %s, want at most %s", took, tc.most)
				}
				must(t, ours.Close())
				stop()
				must(t, <-served)
			})
		})
	}
}
