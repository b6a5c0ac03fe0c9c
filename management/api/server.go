package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"credence/management"
	"credence/store/limit"
)

// Authenticator knows admin tokens. [management.Service] fulfils it.
type Authenticator interface {
	// TokenAuthenticate answers who holds the token text, or a
	// [management.Error] with code unauthorized that is the same for all
	// texts that are not usable.
	TokenAuthenticate(ctx context.Context, text []byte) (management.Actor, error)
}

// Options is what the API needs. Service, Authenticator, Ready, Registerer,
// Logger, Now and Random are required.
type Options struct {
	Service       *management.Service
	Authenticator Authenticator
	Hosts         []string                    // names besides the loopback ones that a Host header may carry, without port
	Ready         func(context.Context) error // nil when the process can do its work
	Registerer    prometheus.Registerer
	Logger        *slog.Logger
	Now           func() time.Time
	Random        io.Reader     // of request ids
	Version       string        // of the program, for the OpenAPI document
	Timeout       time.Duration // of one request; 0 means 15 s
	FailureLimit  *limit.Limit  // tokens that are not usable, of one address; nil for no limit
	InFlight      int           // most requests at once, of one tenant an eighth; 0 means 256
	// TrustedProxies are the networks of proxies whose X-Forwarded-For names the
	// client; what others say of it counts for nothing.
	TrustedProxies []netip.Prefix
	Denials        *Denials // folds attempts without a usable token for the audit log; nil records none of them
}

func (o *Options) validate() error {
	switch {
	case o.Service == nil:
		return errors.New("api: option Service is missing")
	case o.Authenticator == nil:
		return errors.New("api: option Authenticator is missing")
	case o.Ready == nil:
		return errors.New("api: option Ready is missing")
	case o.Registerer == nil:
		return errors.New("api: option Registerer is missing")
	case o.Logger == nil:
		return errors.New("api: option Logger is missing")
	case o.Now == nil:
		return errors.New("api: option Now is missing")
	case o.Random == nil:
		return errors.New("api: option Random is missing")
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	if o.InFlight == 0 {
		o.InFlight = 256
	}
	if o.Version == "" {
		o.Version = "unreleased"
	}
	return nil
}

type server struct {
	service       *management.Service
	authenticator Authenticator
	hosts         map[string]bool
	ready         func(context.Context) error
	metrics       *metrics
	logger        *slog.Logger
	now           func() time.Time
	random        io.Reader
	timeout       time.Duration
	slots         chan struct{}
	turns         *turns
	failures      *failures
	beyond        *beyond
	proxies       []netip.Prefix
	denials       *Denials

	mux     *http.ServeMux
	huma    huma.API
	bodies  map[string]*huma.RequestBody // by operation id
	routes  map[string]string            // pattern to operation id
	streams map[string]bool              // operation ids whose answer takes as long as it takes
	outside map[string]bool              // operation ids that wait for another program

	document []byte // OpenAPI
	page     []byte // the same for people
}

// New makes the handler of the whole API. The error names the option that is
// missing, or the metric that is registered already.
func New(o Options) (http.Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	s := &server{
		service: o.Service, authenticator: o.Authenticator, hosts: hostSet(o.Hosts), ready: sharedReady(o.Ready, o.Now), metrics: m,
		logger: o.Logger, now: o.Now, random: o.Random, timeout: o.Timeout, slots: make(chan struct{}, o.InFlight), turns: newTurns(o.InFlight),
		failures: newFailures(o.FailureLimit, o.Now), beyond: newBeyond(o.Service.UsableTokens, o.Now), proxies: o.TrustedProxies,
		denials: o.Denials,
	}
	if err := s.addOperations(o.Version); err != nil {
		return nil, err
	}
	s.addPages()
	return s, nil
}

// addPages serves the document for programs and for people.
func (s *server) addPages() {
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(s.document)
	})
	s.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy())
		w.Write(s.page)
	})
	s.routes["GET /openapi.json"], s.routes["GET /docs"] = "OpenAPI", "Docs"
}
