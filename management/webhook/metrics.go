package webhook

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count attempts.
type metrics struct {
	attempts *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_webhook_attempts_total", Help: "Attempts to deliver an event to a webhook, by what came of them.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "credence_webhook_attempt_seconds", Help: "How long attempts took.", Buckets: prometheus.ExponentialBuckets(0.01, 3, 8),
		}),
	}
	for _, c := range []prometheus.Collector{m.attempts, m.duration} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("count webhook attempts: %w", err)
		}
	}
	for _, outcome := range Outcomes() {
		m.attempts.WithLabelValues(outcome)
	}
	return m, nil
}

func (m *metrics) tried(outcome string, took time.Duration) {
	m.attempts.WithLabelValues(outcome).Inc()
	m.duration.Observe(took.Seconds())
}
