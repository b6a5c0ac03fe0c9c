package extauthz

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz/pipeline"
	"credence/extauthz/unary"
)

// metrics are the numbers of the Check server. Every counter that a Check
// touches is resolved here once; the path looks no label up.
type metrics struct {
	allow, deny, shadow []prometheus.Counter // by reason
	sources             []prometheus.Counter // by key source
	duration            prometheus.Histogram
	inFlight            atomic.Int64
	malformed           prometheus.Counter
	unreadable          prometheus.Counter
	strays              prometheus.Counter
	handshakes          prometheus.Counter
	greetings           map[string]prometheus.Counter // by what was spoken
	crowds              prometheus.Counter
	violations          map[unary.Code]prometheus.Counter
	late                prometheus.Counter
	noStatus            prometheus.Counter
	panics              prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s Sources, now func() time.Time) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_checks_total", Help: "Checks answered, by decision and reason.",
	}, []string{"decision", "reason"})
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_key_lookups_total", Help: "Checks by where the key record came from.",
	}, []string{"source"})
	m := &metrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "credence_check_duration_seconds", Help: "Time from the bytes of a Check to its answer.",
			Buckets: []float64{25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, .1, .2, .5, 1},
		}),
		malformed: counter("credence_check_malformed_total", "Checks whose bytes were no CheckRequest; denied."),
		unreadable: counter("credence_check_unreadable_total",
			"Checks that never came in whole, such as messages over the cap; failed RPCs."),
		strays: counter("credence_check_refused_calls_total",
			"Checks by callers without the call secret; failed RPCs."),
		handshakes: counter("credence_check_tls_refused_total", "Clients that TLS turned away."),
		crowds: counter("credence_check_turned_away_total",
			"Connections that were closed because too many were open."),
		late: counter("credence_check_late_answers_total", "Answers not sent because the caller's deadline had passed."),
		noStatus: counter("credence_check_no_status_total",
			"Answers not sent because no status stood in them; failed RPCs."),
		panics: counter("credence_check_panics_total", "Panics during a Check; failed RPCs."),
	}
	m.resolve(checks, lookups)
	greetings := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_check_not_http2_total", Help: "Connections without TLS that did not begin with HTTP/2, by what they spoke.",
	}, []string{"spoken"})
	m.greetings = map[string]prometheus.Counter{}
	for _, spoken := range []string{spokenHTTP1, spokenTLS, spokenOther} {
		m.greetings[spoken] = greetings.WithLabelValues(spoken)
	}
	violations := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_check_violations_total", Help: "Connections that the native transport closed because the client broke HTTP/2, by error code.",
	}, []string{"code"})
	m.violations = make(map[unary.Code]prometheus.Counter)
	for _, code := range unary.Violations() {
		m.violations[code] = violations.WithLabelValues(code.String())
	}
	all := append([]prometheus.Collector{
		checks, lookups, greetings, violations, m.duration, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "credence_checks_in_flight", Help: "Checks being answered now.",
		}, func() float64 { return float64(m.inFlight.Load()) }), m.malformed, m.unreadable, m.strays, m.handshakes, m.crowds, m.late, m.noStatus, m.panics,
	}, gauges(s, now)...)
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

// gauges are read from other parts when the metrics are.
func gauges(s Sources, now func() time.Time) []prometheus.Collector {
	var all []prometheus.Collector
	gauge := func(name, help string, value func() float64) {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	if s.CacheEntries != nil {
		gauge("credence_cache_entries", "Keys in the cache.", func() float64 { return float64(s.CacheEntries()) })
	}
	if s.Applied != nil {
		gauge("credence_applied_revision", "The last revision applied.",
			func() float64 { return float64(s.Applied().Revision) })
	}
	if s.LastRead != nil {
		started := now()
		gauge("credence_feed_age_seconds", "Time since the change feed was last read, or since the start.",
			func() float64 {
				last := s.LastRead()
				if last.IsZero() {
					last = started
				}
				return now().Sub(last).Seconds()
			})
	}
	for _, more := range s.More {
		if more.Total {
			all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: more.Name, Help: more.Help}, more.Value))
		} else {
			gauge(more.Name, more.Help, more.Value)
		}
	}
	return all
}

func (m *metrics) resolve(checks, lookups *prometheus.CounterVec) {
	resolve := func(decision string, r pipeline.Reason, of func(pipeline.Reason) bool) prometheus.Counter {
		if !of(r) {
			return nil
		}
		return checks.WithLabelValues(decision, r.String())
	}
	refuses := func(r pipeline.Reason) bool { return !r.Allowed() }
	watches := func(r pipeline.Reason) bool {
		d := pipeline.Decision{Reason: r, Shadow: true}
		return refuses(r) && d.Allowed()
	}
	m.allow, m.deny, m.shadow = []prometheus.Counter{nil}, []prometheus.Counter{nil}, []prometheus.Counter{nil}
	for _, r := range pipeline.Reasons() {
		m.allow = append(m.allow, resolve(decisionAllow, r, pipeline.Reason.Allowed))
		m.deny = append(m.deny, resolve(decisionDeny, r, refuses))
		m.shadow = append(m.shadow, resolve(decisionShadowDeny, r, watches))
	}
	for _, source := range []string{"none", "cache", "store", "negative"} { // in the order of KeySource
		m.sources = append(m.sources, lookups.WithLabelValues(source))
	}
}

// observe counts one answered Check. The answer table has given every
// decision a reason by now.
func (m *metrics) observe(c *check, took time.Duration) {
	d := &c.decision
	switch {
	case d.Reason.Allowed():
		m.allow[d.Reason].Inc()
	case d.Allowed():
		m.shadow[d.Reason].Inc()
	default:
		m.deny[d.Reason].Inc()
	}
	if int(d.Source) < len(m.sources) {
		m.sources[d.Source].Inc()
	}
	if c.request.Malformed {
		m.malformed.Inc()
	}
	m.duration.Observe(took.Seconds())
}
