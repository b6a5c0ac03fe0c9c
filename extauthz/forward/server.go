package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of a connection. A subrequest carries the headers of the client's
// request and a few of the proxy's, so more fits than proxies accept; an idle
// connection lives longer than proxies keep theirs (nginx 60 s, Traefik 90 s,
// Caddy 2 min), so that it is not closed under a request on its way.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 3 * time.Minute
	maxHeaderSize = 256 << 10
	maxStreams    = 250 // of an HTTP/2 connection
)

// ServeOptions say how [Handler.Serve] starts and stops.
type ServeOptions struct {
	Logger *slog.Logger // required
	// Delay is the time between ctx ending, when /readyz turns, and the
	// listener closing; zero by default.
	Delay time.Duration
	// Timeout is what running requests get then; 10 s by default.
	Timeout time.Duration
}

// Serve answers on the listener, whose TLS and bounds ([extauthz.Bound]) are its
// own, until ctx ends, then
// drains. It closes the listener and returns when no request is running.
func (h *Handler) Serve(ctx context.Context, listener net.Listener, o ServeOptions) error {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderSize,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is no endpoint either
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve forward-auth on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	if o.Delay > 0 {
		<-time.After(o.Delay)
	}
	// The requests that still run outlive ctx on purpose, for Timeout at most.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Timeout)
	defer cancel()
	err := server.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if stopped := <-ended; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}
