package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
	"time"

	"go.uber.org/ratelimit"

	"credence/management/outgoing"
)

const (
	// mostWays bounds the targets that are remembered. Beyond that all are
	// forgotten: each may be called once more than its pace says.
	mostWays = 1000
	// atOnce bounds the calls to one target that wait for its pace or are made.
	atOnce = 4
	// A target that did not answer so often in a row is left alone for so long.
	mostFailures = 3
	pauseLength  = time.Minute
)

// Pacer lets its callers through one after another.
type Pacer interface{ Take() time.Time }

// pace is so many in a second, evenly spread.
func pace(rate int) Pacer { return ratelimit.New(rate, ratelimit.WithoutSlack) }

// way is the way to one target: its connections and its pace, which last
// longer than a call.
type way struct {
	version int64
	client  *http.Client
	pacer   Pacer
	slots   chan struct{}

	mu       sync.Mutex
	failures int // in a row
	paused   time.Time
}

// enter waits for one of the slots, and then for the pace: a second or so at
// most, since only those in a slot wait for it.
func (w *way) enter(ctx context.Context) (leave func(), err error) {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.pacer.Take()
	return func() { <-w.slots }, nil
}

func (w *way) pausedUntil() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused
}

// answered notes whether a call was answered.
func (w *way) answered(it bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if it {
		w.failures = 0
		return
	}
	if w.failures++; w.failures >= mostFailures {
		w.failures, w.paused = 0, now.Add(pauseLength)
	}
}

// ways are the ways to all targets.
type ways struct {
	o Options

	mu sync.Mutex
	of map[string]*way
}

func newWays(o Options) *ways { return &ways{o: o, of: map[string]*way{}} }

// to is the way to a target. One whose settings have changed is made anew, and
// keeps its pace.
func (ws *ways) to(t *Target) (*way, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	is, known := ws.of[t.ID]
	if known && is.version == t.Version {
		return is, nil
	}
	config, err := tlsOf(ws.o.Outgoing.TLS, t)
	if err != nil {
		return nil, err
	}
	o := ws.o.Outgoing
	o.TLS = config
	fresh := &way{version: t.Version, client: outgoing.NewClient(o), slots: make(chan struct{}, atOnce)}
	if known {
		is.client.CloseIdleConnections()
		fresh.pacer = is.pacer
	} else {
		fresh.pacer = ws.o.Pace(ws.o.Rate)
	}
	if len(ws.of) >= mostWays && !known {
		ws.forget()
	}
	ws.of[t.ID] = fresh
	return fresh, nil
}

func (ws *ways) forget() {
	for _, w := range ws.of {
		w.client.CloseIdleConnections()
	}
	clear(ws.of)
}

func (ws *ways) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.forget()
}

// tlsOf is how the target proves who it is.
func tlsOf(base *tls.Config, t *Target) (*tls.Config, error) {
	if t.CA == "" && t.ServerName == "" {
		return base, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		config = base.Clone()
	}
	config.ServerName = t.ServerName
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, &Error{Kind: CertificateRejected, Message: "the authorities of the connection are no certificates in PEM"}
		}
	}
	return config, nil
}
