package api_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"credence/management/api"
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

// converse sends what a client says and answers what it got until the server
// hung up, and how long that took.
func converse(t *testing.T, says string) (got string, took time.Duration, read error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &oneCall{calls: make(chan net.Conn, 1), closed: make(chan struct{})}
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, read = io.ReadAll(r.Body) })
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- api.Serve(ctx, l, handler, time.Second, slog.New(slog.DiscardHandler)) }()
		ours, theirs := net.Pipe()
		l.calls <- theirs
		begun := time.Now()
		go func() { _, _ = io.WriteString(ours, says) }()
		raw, err := io.ReadAll(bufio.NewReader(ours))
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		got, took = string(raw), time.Since(begun)
		must(t, ours.Close())
		stop()
		must(t, <-served)
	})
	return got, took, read
}

func TestWhoSendsSlowlyIsCutOff(t *testing.T) {
	for title, tc := range map[string]struct {
		says string
		most time.Duration
	}{
		"nothing":     {"", 10 * time.Second},
		"half a head": {"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", 10 * time.Second},
		"no more":     {"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n", 3 * time.Minute},
	} {
		if _, took, _ := converse(t, tc.says); took > tc.most {
			t.Errorf("%s: cut off after %s", title, took)
		}
	}
	_, took, read := converse(t, "POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{")
	if read == nil || took > 20*time.Second {
		t.Errorf("half a body: read %v after %s", read, took)
	}
}

func TestAHeadThatIsTooLargeIsRefused(t *testing.T) {
	got, _, _ := converse(t, "GET /v1/keys HTTP/1.1\r\nHost: localhost\r\nX-Large: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("answer %.80q", got)
	}
}

func TestBrowsersAreToldToStayEncryptedWhereThereIsTLS(t *testing.T) {
	d := deploy(t)
	for _, secure := range []bool{false, true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/healthz", nil)
		if secure {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if told := w.Header().Get("Strict-Transport-Security") != ""; told != secure {
			t.Errorf("over TLS %v, told so %v", secure, told)
		}
	}
}

// TestAPreflightOfABrowserIsRefused: there is no origin but our own.
func TestAPreflightOfABrowserIsRefused(t *testing.T) {
	d := deploy(t)
	for _, origin := range []string{"https://evil.example", "null", d.url} {
		a := d.send(t, http.MethodOptions, "/v1/keys", "", "Authorization", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		if a.status != http.StatusMethodNotAllowed {
			t.Errorf("origin %s: %d", origin, a.status)
		}
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("origin %s: header %s", origin, name)
			}
		}
	}
}
