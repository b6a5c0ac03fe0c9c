package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	denied   *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_management_requests_total",
			Help: "Requests to the management API by operation and class of status.",
		}, []string{"operation", "status_class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "credence_management_request_duration_seconds",
			Help:    "How long requests to the management API took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"operation"}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_management_denied_total",
			Help: "Requests to the management API without a usable token (unauthorized), with too small a role (forbidden), or from an address with too many failures (too_many_failures).",
		}, []string{"operation", "code"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.denied} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("api: register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status/100)+"xx").Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}
