package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"credence/extauthz/pipeline"
)

const (
	sampledParent   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampledParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// traceCollector is a collector that keeps what it gets.
type traceCollector struct {
	mu    sync.Mutex
	raw   []string
	spans []*tracev1.Span
}

func (c *traceCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, string(raw))
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// traced runs do with tracing on, and answers what the collector got.
func traced(t *testing.T, ratio float64, do func(*tracing)) *traceCollector {
	t.Helper()
	c := &traceCollector{}
	server := httptest.NewServer(c)
	defer server.Close()
	tr, err := newTracing(t.Context(), traceConfig{Endpoint: server.URL, Ratio: ratio}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	do(tr)
	if err := tr.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// scriptCollector runs a collector until the script ends, or, with names, wants
// spans of these names in it.
func scriptCollector(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: collector [NAME...]")
	}
	if len(args) == 0 {
		c := &traceCollector{}
		server := httptest.NewServer(c)
		ts.Defer(server.Close)
		ts.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
		scriptCollectors.Store(server.URL, c)
		return
	}
	found, _ := scriptCollectors.Load(ts.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	c, is := found.(*traceCollector)
	if !is {
		ts.Fatalf("no collector runs")
	}
	var names []string
	for _, s := range c.all() {
		names = append(names, s.GetName())
	}
	for _, want := range args {
		if !slices.Contains(names, want) {
			ts.Fatalf("no span %q among %q", want, names)
		}
	}
}

// scriptCollectors are those of scripts, by address.
var scriptCollectors sync.Map

func (c *traceCollector) all() []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

func attributesOf(s *tracev1.Span) string {
	var b strings.Builder
	for _, a := range s.GetAttributes() {
		b.WriteString(a.GetKey() + "=" + a.GetValue().String() + " ")
	}
	return b.String()
}

// TestACheckIsASpanOfItsCallersTraceAndOnlyThen: who does not trace a request
// gets no span of its Check.
func TestACheckIsASpanOfItsCallersTraceAndOnlyThen(t *testing.T) {
	start := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	d := &pipeline.Decision{Reason: pipeline.ReasonRevoked, Stage: pipeline.StageState, Policy: "orders", Key: &pipeline.Key{KeyID: "key_1", Namespace: "payments", Owner: "marker of an owner"}}
	got := traced(t, 0, func(tr *tracing) {
		for _, parent := range []string{"", unsampledParent, "nonsense", strings.Repeat("0", 600), sampledParent} {
			tr.Check(t.Context(), []byte(parent), d, start, 40*time.Microsecond)
		}
	})
	if len(got.spans) != 1 {
		t.Fatalf("%d spans", len(got.spans))
	}
	s := got.spans[0]
	if s.GetName() != "Check" || string(s.GetParentSpanId()) != "\xb7\xad\x6b\x71\x69\x20\x33\x31" || s.GetEndTimeUnixNano()-s.GetStartTimeUnixNano() != 40_000 {
		t.Errorf("span %v", s)
	}
	for _, want := range []string{"key_1", "revoked", "payments", "orders"} {
		if !strings.Contains(attributesOf(s), want) {
			t.Errorf("%q is not in %s", want, attributesOf(s))
		}
	}
	if strings.Contains(strings.Join(got.raw, ""), "marker") {
		t.Error("more than ids and words is in it")
	}
	if all := traced(t, 1, func(tr *tracing) { tr.Check(t.Context(), nil, d, start, 0) }); len(all.spans) != 1 || len(all.spans[0].GetParentSpanId()) != 0 {
		t.Errorf("with a ratio of 1: %v", all.spans)
	}
	// What is too long to be one is as no parent, not as a wish to be left out.
	if all := traced(t, 1, func(tr *tracing) {
		tr.Check(t.Context(), []byte(sampledParent+strings.Repeat("0", 600)), d, start, 0)
	}); len(all.spans) != 1 || len(all.spans[0].GetParentSpanId()) != 0 {
		t.Errorf("with a parent that is too long: %v", all.spans)
	}
}

// TestAnAPIRequestThatPanicsIsAnErrorAndHasTheStatusThatWasSent, if any was.
func TestAnAPIRequestThatPanicsIsAnErrorAndHasTheStatusThatWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		status string
		failed bool
	}{
		"a panic at once": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", true},
		"a panic after the status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			panic(http.ErrAbortHandler)
		}, "202", true},
		"a panic in the answer": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}, "200", true},
		"an answer without a word":  {func(http.ResponseWriter, *http.Request) {}, "200", false},
		"an answer without its own": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("all")) }, "200", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := traced(t, 0, func(tr *tracing) {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/keys", http.NoBody)
				r.Header.Set("traceparent", sampledParent)
				defer func() {
					if said := recover(); (said != nil) != c.failed {
						t.Errorf("the panic was %v for those around", said)
					}
				}()
				tr.api(c.handle).ServeHTTP(httptest.NewRecorder(), r)
			})
			if len(got.spans) != 1 {
				t.Fatalf("spans %v", got.spans)
			}
			s := got.spans[0]
			if has := strings.Contains(attributesOf(s), "status_code"); has != (c.status != "") || !strings.Contains(attributesOf(s), c.status) {
				t.Errorf("attributes %s, want status %q", attributesOf(s), c.status)
			}
			if failed := s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR; failed != c.failed {
				t.Errorf("status %v", s.GetStatus())
			}
		})
	}
}

// TestAnAPIRequestIsASpanNamedByItsOperation, whatever stands in its path, and
// its token is in none.
func TestAnAPIRequestIsASpanNamedByItsOperation(t *testing.T) {
	got := traced(t, 0, func(tr *tracing) {
		handler := tr.api(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if http.NewResponseController(w).Flush() != nil {
				t.Error("the writer hides what it can")
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		for _, request := range [][2]string{{"/v1/keys/key_1", sampledParent}, {"/marker", sampledParent}, {"/v1/keys", unsampledParent}, {"/v1/keys", ""}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, request[0]+"?marker=1", http.NoBody)
			r.Header.Set("Authorization", "Bearer crdadm_marker")
			r.Header.Set("traceparent", request[1])
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
	if len(got.spans) != 2 || got.spans[0].GetName() != "GET /v1/keys/{key_id}" || got.spans[1].GetName() != "other" {
		t.Fatalf("spans %v", got.spans)
	}
	if strings.Contains(strings.Join(got.raw, ""), "marker") {
		t.Error("what the caller wrote is in it")
	}
}

func TestTracingIsOffUntilSomebodySaysWhereTo(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	logger := slog.New(slog.DiscardHandler)
	off, err := newTracing(t.Context(), traceConfig{}, logger)
	if off != nil || err != nil || off.close(t.Context()) != nil {
		t.Errorf("without an endpoint: %v, %v", off, err)
	}
	next := http.NotFoundHandler()
	if off.api(next) == nil {
		t.Error("without tracing there is no handler")
	}
	for _, bad := range []string{"collector:4318", "ftp://collector", "http://"} {
		if _, err := newTracing(t.Context(), traceConfig{Endpoint: bad}, logger); err == nil || !strings.Contains(err.Error(), "trace-endpoint") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	on, err := newTracing(t.Context(), traceConfig{}, logger)
	if on == nil || err != nil {
		t.Fatalf("by the variable: %v", err)
	}
	_ = on.close(t.Context())
	var c config
	for _, bad := range []string{"", "2", "-1", "NaN", "much"} {
		if traceRatio(&c, bad) == nil {
			t.Errorf("a ratio of %q is taken", bad)
		}
	}
}
