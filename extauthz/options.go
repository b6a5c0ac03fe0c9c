package extauthz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// Options is what a [Server] needs. Pipeline, Logger, Now and Registerer are
// required.
type Options struct {
	Pipeline   decider // *pipeline.Pipeline
	Logger     *slog.Logger
	Now        func() time.Time
	Registerer prometheus.Registerer
	// Ready is closed when the first snapshot is loaded. Until then health
	// says NOT_SERVING. nil means ready at once.
	Ready <-chan struct{}

	// CallSecrets are what the proxies send in [CallSecretHeader], any one of
	// them, to be answered at all; with none, everybody who can connect is.
	CallSecrets []credential.Text

	Answer    AnswerOptions
	Transport TransportOptions
	Drain     DrainOptions
	Record    RecordOptions
	Sources   Sources
	Usage     counter // *usage.Counter; nil counts nothing
	Trace     tracer  // nil traces nothing, and costs nothing
}

// tracer shows Checks to those who follow a request through many programs. It
// waits for nobody.
type tracer interface {
	// Check shows an answered one. parent is the traceparent among the headers
	// of the request that is checked, nil without one. Neither it nor the
	// decision may be kept.
	Check(ctx context.Context, parent []byte, d *pipeline.Decision, start time.Time, took time.Duration)
}

// counter counts Checks by key. It waits for nobody.
type counter interface {
	Count(d *pipeline.Decision, userAgent []byte, at time.Time, took time.Duration)
}

// Sources are the numbers that other parts of the data plane know; each may
// be nil, then its metric is absent. They are called from the metrics handler.
type Sources struct {
	CacheEntries func() int            // keys in the cache
	Applied      func() store.Position // the last change applied
	LastRead     func() time.Time      // the last successful read of the feed
	More         []Source              // whatever else the parts count
}

// Source is a number that another part of the data plane knows.
type Source struct {
	Name  string // of the metric, "credence_...", with _total for a counter
	Help  string
	Total bool // a counter, that only grows
	Value func() float64
}

// DrainOptions say how a server stops.
type DrainOptions struct {
	// Delay is the time between health turning NOT_SERVING and the listeners
	// closing: as long as Envoy needs to notice, zero by default.
	Delay time.Duration
	// Timeout is how long running Checks may take to finish; 10 s by default.
	Timeout time.Duration
}

// RecordOptions say which Checks are logged. The events carry no secret.
type RecordOptions struct {
	Level slog.Level // of the events; info by default
	Every uint64     // log one of so many Checks; 1 all, 0 none
}

func (o *Options) validate() error {
	switch {
	case o.Pipeline == nil:
		return errors.New("option Pipeline: missing: pass the pipeline that decides")
	case o.Logger == nil:
		return errors.New("option Logger: missing: pass a *slog.Logger")
	case o.Now == nil:
		return errors.New("option Now: missing: pass time.Now")
	case o.Registerer == nil:
		return errors.New("option Registerer: missing: pass a prometheus registry")
	case slices.ContainsFunc(o.CallSecrets, credential.Text.Empty):
		return errors.New("option CallSecrets: one is empty: leave it out")
	case o.Drain.Delay < 0 || o.Drain.Timeout < 0:
		return fmt.Errorf("option Drain: %s, %s: must not be negative", o.Drain.Delay, o.Drain.Timeout)
	}
	return o.Transport.validate()
}

func (o DrainOptions) withDefaults() DrainOptions {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return o
}
