package extauthz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Part is something that a process must have to be ready.
type Part struct {
	Name string
	// Check answers nil when the part is ready, else what it waits for. It
	// must not block.
	Check func() error
	// Note, where there is one, answers what people should know of a part that
	// is ready, "" for nothing. It must not block.
	Note func() string
}

// Ready is the [Part] of the Check server: it has its first snapshot and does
// not drain.
func (s *Server) Ready() Part {
	return Part{Name: "check_server", Check: func() error {
		select {
		case <-s.health.drained:
			return errors.New("draining")
		default:
		}
		if !s.loaded.Load() {
			return errors.New("waiting for the first snapshot")
		}
		return nil
	}}
}

// StatusHandler serves /metrics, /healthz (the process lives) and /readyz
// (200 when every part is ready, else 503; JSON says which is not, and under
// "notes" what goes on in parts that are).
func StatusHandler(metrics prometheus.Gatherer, parts ...Part) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]any{"alive": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		code, state, notes := http.StatusOK, make(map[string]string, len(parts)), map[string]string{}
		for _, p := range parts {
			state[p.Name] = "ready"
			if err := p.Check(); err != nil {
				code, state[p.Name] = http.StatusServiceUnavailable, err.Error()
			}
			if p.Note == nil {
				continue
			}
			if note := p.Note(); note != "" {
				notes[p.Name] = note
			}
		}
		body := map[string]any{"ready": code == http.StatusOK, "parts": state}
		if len(notes) > 0 {
			body["notes"] = notes
		}
		writeStatus(w, code, body)
	})
	return mux
}

func writeStatus(w http.ResponseWriter, code int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil { // maps of strings and booleans always can be
		http.Error(w, "status", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // a client that is gone
}

// ServeStatus serves the handler until ctx ends, then gives running requests
// 5 s to finish. It closes the listener.
func ServeStatus(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve status on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if stopped := <-failed; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// AskReady asks the status port of a process at host:port whether it is
// ready. The error says what it waits for, or why nobody answered.
func AskReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("status address %q: %w", address, err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // no redirects
	if err != nil {
		return fmt.Errorf("ask %s: %w: is the process running, and is this its --status-addr?", address, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its bound
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	return fmt.Errorf("%s is not ready: %s", address, strings.TrimSpace(string(body)))
}
