package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"credence/extauthz/pipeline"
	"credence/management/api"
)

// traceConfig says where spans go.
type traceConfig struct {
	Endpoint string  // "": OTEL_EXPORTER_OTLP_ENDPOINT, and without that nowhere
	Ratio    float64 // of requests that belong to no trace yet
}

func traceSettings() []setting {
	return []setting{
		{inRun, "trace-endpoint", "url", "", "collector (OTLP over HTTP) that gets a span of each Check and API request whose caller traces it; OTEL_EXPORTER_OTLP_ENDPOINT when empty, and none without", text(func(c *config) *string { return &c.Trace.Endpoint })},
		{inRun, "trace-ratio", "share", "0", "share (0 to 1) of the requests without a trace that begin one here", traceRatio},
	}
}

func traceRatio(c *config, v string) (err error) {
	if c.Trace.Ratio, err = strconv.ParseFloat(v, 64); err != nil || !(c.Trace.Ratio >= 0 && c.Trace.Ratio <= 1) {
		return fmt.Errorf("%q is no share: give a number from 0 to 1", v)
	}
	return nil
}

const (
	// traceQueue bounds the spans that wait; more are dropped.
	traceQueue = 2048
	// tracePatience bounds the delivery of what is left at the end.
	tracePatience = 5 * time.Second
	// longestParent is more than a traceparent can be.
	longestParent = 512
)

// tracing turns Checks and API requests into spans. It keeps nobody waiting: a
// span is made when the answer stands, and delivered beside.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	roots    bool           // requests without a trace may begin one
	routes   *http.ServeMux // what the patterns of the API are
}

// newTracing answers nil when nothing is to be traced.
func newTracing(ctx context.Context, c traceConfig, logger *slog.Logger) (*tracing, error) {
	if c.Endpoint == "" {
		c.Endpoint = os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if c.Endpoint == "" {
		return nil, nil //nolint:nilnil // not tracing is a choice, not an error
	}
	at, err := url.Parse(c.Endpoint)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, usageError{fmt.Errorf("trace-endpoint: %q is no address of a collector: give one like http://collector:4318", maskURL(c.Endpoint))}
	}
	if at.Path == "" || at.Path == "/" {
		at = at.JoinPath("v1", "traces")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.WarnContext(ctx, "spans were not delivered", slog.Any("error", err))
	}))
	t := &tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(traceQueue)),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Ratio))),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "credence"), attribute.String("service.version", version()))),
		),
		roots: c.Ratio > 0, routes: http.NewServeMux(),
	}
	t.tracer = t.provider.Tracer("credence")
	for _, op := range api.Operations() { //nolint:contextcheck // the table, not a call
		t.routes.Handle(op.Method+" "+op.Path, http.NotFoundHandler())
	}
	return t, nil
}

// close delivers what is left.
func (t *tracing) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tracePatience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("trace: %w", err)
	}
	return nil
}

// Check implements the tracer of package extauthz. The trace is that of the
// request which is checked, so it shows up among what its caller did; the ids
// of keys are public, and nothing that a client wrote is in it.
func (t *tracing) Check(ctx context.Context, parent []byte, d *pipeline.Decision, start time.Time, took time.Duration) {
	if len(parent) > longestParent { // as one that cannot be read: it names no trace
		parent = nil
	}
	if len(parent) == 0 && !t.roots {
		return
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": string(parent)})
	_, span := t.tracer.Start(ctx, "Check", trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(attribute.Bool("credence.allowed", d.Allowed()), attribute.String("credence.reason", d.Reason.String()),
			attribute.String("credence.stage", d.Stage.String()), attribute.Bool("credence.shadow", d.Shadow))
		if d.Key != nil {
			span.SetAttributes(attribute.String("credence.key_id", d.Key.KeyID), attribute.String("credence.namespace", d.Key.Namespace))
		}
		if d.Policy != "" {
			span.SetAttributes(attribute.String("credence.route_policy", d.Policy))
		}
		if d.Failure != nil {
			span.SetStatus(codes.Error, "no decision could be made")
		}
	}
	span.End(trace.WithTimestamp(start.Add(took)))
}

// api makes a span of each request to the management API. It names the
// operation, not the path: that may hold anything.
func (t *tracing) api(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		_, pattern := t.routes.Handler(r)
		if pattern == "" {
			pattern = "other"
		}
		ctx, span := t.tracer.Start(ctx, pattern, trace.WithSpanKind(trace.SpanKindServer))
		answer := &answerStatus{ResponseWriter: w}
		broken := true // by a panic, which goes on to who can do something about it
		defer func() {
			if answer.status != 0 {
				span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
			}
			if broken || answer.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}()
		next.ServeHTTP(answer, r.WithContext(ctx))
		if broken = false; answer.status == 0 { // as net/http has it
			answer.status = http.StatusOK
		}
	})
}

// answerStatus remembers the status of an answer; 0 until there is one.
type answerStatus struct {
	http.ResponseWriter

	status int
}

// Write implements [http.ResponseWriter].
func (a *answerStatus) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// WriteHeader implements [http.ResponseWriter].
func (a *answerStatus) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (a *answerStatus) Unwrap() http.ResponseWriter { return a.ResponseWriter }
