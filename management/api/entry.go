package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"strings"

	"credence/management"
	"credence/store"
	"credence/store/credential"
)

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// ServeHTTP is what every request passes, whatever it asks for.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.now()
	operation := s.operation(r)
	timeout := s.timeout + patience(r.URL.Query().Get("wait"))
	if s.outside[operation] {
		timeout = max(timeout, outsideTimeout)
	}
	if s.streams[operation] {
		timeout = streamTimeout
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	id, err := store.NewID("req_", start, s.random)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "request id cannot be made", slog.String("error", err.Error()))
	}
	r = fromProxy(r.WithContext(context.WithValue(ctx, requestIDKey{}, id)), s.proxies)
	watched := &watchedWriter{ResponseWriter: w}
	defer func() { s.metrics.observe(operation, watched.status, s.now().Sub(start)) }()
	defer s.recoverPanic(watched, r)
	secure(watched.Header(), id, r.TLS != nil)
	if err := s.enter(watched, r); err != nil {
		s.write(watched, r, problemOf(err))
	}
}

// enter judges what needs no knowledge of the operation, and routes.
func (s *server) enter(w http.ResponseWriter, r *http.Request) error {
	if !s.knownHost(r.Host) {
		return newProblem(http.StatusMisdirectedRequest, codeMisdirected,
			"this server does not answer to the name in the Host header; configure it as an API host if it should")
	}
	if s.operation(r) != "Healthz" { // which costs nothing, and whose failure has the process killed
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			return &management.Error{Code: management.CodeUnavailable, Message: "too many requests at once; try again"}
		}
	}
	if path.Clean(r.URL.Path) != r.URL.Path {
		return noSuchPath() // ServeMux would redirect, and a client must not follow
	}
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return nil
	}
	// Without a pattern the handler is ServeMux's own 404 or 405 in plain text.
	plain := &discarded{header: http.Header{}}
	handler.ServeHTTP(plain, r)
	if allow := plain.header.Get("Allow"); allow != "" {
		return newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed,
			"this path does not know the method; allowed: "+allow).with("Allow", allow)
	}
	return noSuchPath()
}

func noSuchPath() *problem {
	return newProblem(http.StatusNotFound, codeNoSuchPath, "there is no such path; /openapi.json lists all")
}

// operation names the row for metrics; what has none shares one name, so that
// callers cannot make new time series.
func (s *server) operation(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	if id, ok := s.routes[pattern]; ok {
		return id
	}
	return "none"
}

// secure sets the headers of every answer. There is no CORS: browsers of
// other origins have no business here.
func secure(h http.Header, id string, encrypted bool) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	if encrypted {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// knownHost keeps a web page from reaching the API under a name of its own
// that resolves to this machine (DNS rebinding).
func (s *server) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" || s.hosts[host] {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func hostSet(hosts []string) map[string]bool {
	set := make(map[string]bool, len(hosts))
	for _, host := range hosts {
		set[strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")] = true
	}
	return set
}

func (s *server) recoverPanic(w *watchedWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == any(http.ErrAbortHandler) {
		panic(v) // an answer that is broken off on purpose (stream.go)
	}
	// The value can quote what the request contained.
	s.logger.LogAttrs(r.Context(), slog.LevelError, "management request panicked",
		slog.String("panic", credential.Redact(fmt.Sprint(v))), slog.String("stack", string(debug.Stack())), slog.String("request_id", requestID(r.Context())))
	if w.status == 0 {
		s.write(w, r, newProblem(http.StatusInternalServerError, string(management.CodeInternal), "internal error"))
	}
}

// refuse is problemOf for handlers: it logs the faults of ours, whose cause
// the caller does not see.
func (s *server) refuse(ctx context.Context, err error) error {
	p := problemOf(err)
	if c := callOf(ctx); p.wire.Code == string(management.CodeForbidden) && c.actor.ID != "" {
		s.metrics.denied.WithLabelValues(c.operation, p.wire.Code).Inc()
		s.tell(ctx, c.actor, c.operation, p.wire.Detail)
	}
	if p.wire.Status >= http.StatusInternalServerError {
		s.logger.LogAttrs(ctx, slog.LevelError, "management request failed",
			slog.String("operation", callOf(ctx).operation), slog.String("code", p.wire.Code),
			slog.String("error", credential.Redact(fmt.Sprint(p.cause))), slog.String("request_id", requestID(ctx)))
	}
	p.wire.RequestID = requestID(ctx)
	return p
}

// write writes a problem outside of huma.
func (s *server) write(w http.ResponseWriter, r *http.Request, p *problem) {
	maps.Copy(w.Header(), p.header)
	p.wire.RequestID = requestID(r.Context())
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.wire.Status)
	// The status is out; a client that is gone is no matter.
	_ = encode(w, p.wire)
}

// watchedWriter remembers the status for metrics.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status. What has no body has no type either; huma
// names one where an operation answers a body at other times.
func (w *watchedWriter) WriteHeader(status int) {
	if status == http.StatusNoContent {
		w.Header().Del("Content-Type")
	}
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the status that a body without one has.
func (w *watchedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discarded takes an answer of which only the headers matter.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}
