package extauthz

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func get(t *testing.T, h http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Code, w.Body.String()
}

// TestStatusSaysWhatIsNotReady: liveness does not depend on readiness, and
// readiness names the part.
func TestStatusSaysWhatIsNotReady(t *testing.T) {
	var waiting error
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "credence_test_total", Help: "Test."}))
	h := StatusHandler(registry,
		Part{Name: "check_server", Check: func() error { return nil }}, Part{Name: "feed", Check: func() error { return waiting }})
	for _, c := range []struct {
		waiting      error
		method, path string
		code         int
		body         string
	}{
		{nil, "GET", "/healthz", 200, `{"alive":true}`},
		{nil, "GET", "/readyz", 200, `{"parts":{"check_server":"ready","feed":"ready"},"ready":true}`},
		{errors.New("no snapshot"), "GET", "/readyz", 503, `{"parts":{"check_server":"ready","feed":"no snapshot"},"ready":false}`},
		{errors.New("no snapshot"), "GET", "/healthz", 200, `{"alive":true}`},
		{nil, "GET", "/metrics", 200, "credence_test_total 0"},
		{nil, "POST", "/readyz", 405, ""},
		{nil, "GET", "/debug/pprof/", 404, ""},
	} {
		waiting = c.waiting
		if code, body := get(t, h, c.method, c.path); code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s %s: %d %s", c.method, c.path, code, body)
		}
	}
}

// TestServeStatusUntilTheContextEnds and give its port back.
func TestServeStatusUntilTheContextEnds(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ServeStatus(ctx, l, StatusHandler(prometheus.NewRegistry())) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/healthz", http.NoBody)
	must(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	must(t, err)
	body, err := io.ReadAll(response.Body)
	must(t, errors.Join(err, response.Body.Close()))
	if response.StatusCode != http.StatusOK || string(body) != "{\"alive\":true}\n" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	cancel()
	must(t, <-done)
	again, err := Listen(t.Context(), l.Addr().String())
	must(t, err)
	must(t, again.Close())
	if err := ServeStatus(t.Context(), again, http.NotFoundHandler()); err == nil {
		t.Error("a closed listener is no error")
	}
}

// TestStatusNotesWhatGoesOnInPartsThatAreReady: a note makes nothing unready,
// and what has none leaves no trace.
func TestStatusNotesWhatGoesOnInPartsThatAreReady(t *testing.T) {
	note := "away since noon"
	h := StatusHandler(prometheus.NewRegistry(),
		Part{Name: "redis", Check: func() error { return nil }, Note: func() string { return note }})
	want := `{"notes":{"redis":"away since noon"},"parts":{"redis":"ready"},"ready":true}`
	if code, body := get(t, h, "GET", "/readyz"); code != 200 || strings.TrimSpace(body) != want {
		t.Errorf("%d %s, want %s", code, body, want)
	}
	note = ""
	if code, body := get(t, h, "GET", "/readyz"); code != 200 || strings.Contains(body, "notes") {
		t.Errorf("%d %s", code, body)
	}
}

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

// TestWhoSendsSlowlyToTheStatusPortIsCutOff, and who says nothing more.
func TestWhoSendsSlowlyToTheStatusPortIsCutOff(t *testing.T) {
	for says, most := range map[string]time.Duration{
		"":                                       5 * time.Second,
		"GET /healthz HTTP/1.1\r\nHost: h\r\nX-": 5 * time.Second,
		"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n": time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &oneCall{calls: make(chan net.Conn, 1), closed: make(chan struct{})}
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error)
			go func() { served <- ServeStatus(ctx, l, StatusHandler(prometheus.NewRegistry())) }()
			ours, theirs := net.Pipe()
			l.calls <- theirs
			begun := time.Now()
			go func() { _, _ = io.WriteString(ours, says) }() // may be cut off
			_, _ = io.Copy(io.Discard, ours)                  // until it is closed
			if took := time.Since(begun); took > most+time.Second {
				t.Errorf("%q: cut off after %s, want at most %s", says, took, most)
			}
			must(t, ours.Close())
			stop()
			must(t, <-served)
		})
	}
}
