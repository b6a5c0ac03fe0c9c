package extauthz

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/mem"

	"credence/extauthz/pipeline"
	"credence/store"
)

// metric reads one counter or gauge.
func metric(tb testing.TB, m prometheus.Metric) float64 {
	tb.Helper()
	var out dto.Metric
	must(tb, m.Write(&out))
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

// gathered reads a registry: name{labels} to value.
func gathered(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	must(t, err)
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() +
				float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestEveryDecisionIsCounted by decision and reason, and the numbers of other
// parts are shown.
func TestEveryDecisionIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	var decide decideFunc
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	o := testOptions(decideFunc(func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) { decide(ctx, r, d) }))
	o.Registerer, o.Now = registry, func() time.Time { return start }
	o.Sources = Sources{
		CacheEntries: func() int { return 7 },
		Applied:      func() store.Position { return store.Position{Revision: 12} },
		LastRead:     func() time.Time { return start.Add(-3 * time.Second) },
		More: []Source{
			{Name: "credence_sample_total", Help: "Sample.", Total: true, Value: func() float64 { return 5 }},
			{Name: "credence_sample", Help: "Sample.", Value: func() float64 { return 6 }},
		},
	}
	s := newServer(t, o)
	check := func(message []byte, d pipeline.Decision) {
		decide = func(_ context.Context, _ *pipeline.Request, out *pipeline.Decision) { *out = d }
		reply, err := s.check(t.Context(), func(v any) error {
			return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(message)}, v)
		})
		must(t, err)
		_, err = newCodec().Marshal(reply)
		must(t, err)
	}
	want := map[string]float64{}
	for _, r := range pipeline.Reasons() {
		check(nil, pipeline.Decision{Reason: r, Source: pipeline.KeySourceStore})
		decision := decisionDeny
		if r.Allowed() {
			decision = decisionAllow
		}
		want["credence_checks_total{decision="+decision+",reason="+r.String()+"}"] = 1
	}
	check(nil, pipeline.Decision{Reason: pipeline.ReasonUnknownKey, Shadow: true, Source: pipeline.KeySourceNegative})
	want["credence_checks_total{decision=shadow_deny,reason=unknown_key}"] = 1
	check([]byte{0xff}, pipeline.Decision{Reason: pipeline.ReasonBadRequest})
	want["credence_checks_total{decision=deny,reason=bad_request}"]++
	check(nil, pipeline.Decision{}) // nobody decided
	want["credence_checks_total{decision=deny,reason=internal}"]++

	total := float64(len(pipeline.Reasons()))
	want["credence_key_lookups_total{source=store}"] = total
	want["credence_key_lookups_total{source=negative}"] = 1
	want["credence_key_lookups_total{source=none}"] = 2
	want["credence_check_malformed_total{}"] = 1
	want["credence_check_duration_seconds{}"] = total + 3
	want["credence_checks_in_flight{}"] = 0
	want["credence_cache_entries{}"] = 7
	want["credence_applied_revision{}"] = 12
	want["credence_feed_age_seconds{}"] = 3
	want["credence_sample_total{}"], want["credence_sample{}"] = 5, 6
	got := gathered(t, registry)
	for name, value := range want {
		if g, ok := got[name]; !ok || g != value {
			t.Errorf("%s: %v, want %v", name, g, value)
		}
	}
}

// TestRecordsNameNoSecret: one event for a Check or for one of many, with
// nothing in it that a client wrote.
func TestRecordsNameNoSecret(t *testing.T) {
	for every, want := range map[uint64]int{0: 0, 1: 6, 3: 2} {
		var log bytes.Buffer
		o := testOptions(decideFunc(allowsKey))
		o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		o.Record.Every = every
		s := newServer(t, o)
		for range 6 {
			reply, err := s.check(t.Context(), func(v any) error {
				return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(marshal(t, getOrders()))}, v)
			})
			must(t, err)
			_, err = newCodec().Marshal(reply)
			must(t, err)
		}
		lines := slices.DeleteFunc(strings.Split(log.String(), "\n"), func(l string) bool { return l == "" })
		if len(lines) != want {
			t.Errorf("every %d: %d events, want %d", every, len(lines), want)
		}
		for _, line := range lines {
			var event map[string]any
			must(t, json.Unmarshal([]byte(line), &event))
			if event["reason"] != "allowed" || event["decision"] != "allow" || event["key_id"] != "key_01" {
				t.Errorf("event %v", event)
			}
			if strings.Contains(line, "crd_live") || strings.Contains(line, "/orders") || strings.Contains(line, "curl") {
				t.Errorf("the event quotes the request: %s", line)
			}
		}
	}
}

// TestFailuresAreLoggedOnceASecond with the reason and how many Checks it
// hit, whether Checks are logged or not.
func TestFailuresAreLoggedOnceASecond(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	o := testOptions(decideFunc(func(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) {
		d.Reason, d.Failure = pipeline.ReasonUnavailable, store.ErrUnavailable
	}))
	o.Logger, o.Now = slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }
	s := newServer(t, o)
	for range 25 {
		reply, err := s.check(t.Context(), func(any) error { return nil })
		must(t, err)
		_, err = newCodec().Marshal(reply)
		must(t, err)
		now = now.Add(100 * time.Millisecond)
	}
	text := log.String()
	if strings.Count(text, "\n") != 3 || strings.Count(text, "checks=10") != 2 || !strings.Contains(text, "store unavailable") {
		t.Errorf("log:\n%s", text)
	}
}

// Before the first read an alert on the age must not think of centuries.
func TestTheFeedIsAsOldAsTheProcessUntilItIsRead(t *testing.T) {
	registry := prometheus.NewRegistry()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	o := testOptions(decideFunc(func(context.Context, *pipeline.Request, *pipeline.Decision) {}))
	o.Registerer, o.Now = registry, func() time.Time { return at }
	o.Sources = Sources{LastRead: func() time.Time { return time.Time{} }}
	newServer(t, o)
	at = at.Add(4 * time.Second)
	if age := gathered(t, registry)["credence_feed_age_seconds{}"]; age != 4 {
		t.Errorf("age %v, want 4", age)
	}
}
