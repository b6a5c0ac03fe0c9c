package certfile

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	reloads, failures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, listener string, left func() time.Duration) (*metrics, error) {
	labels := prometheus.Labels{"listener": listener}
	m := &metrics{
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "credence_tls_reloads_total", Help: "Changed TLS files that were taken over.", ConstLabels: labels,
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "credence_tls_reload_failures_total", ConstLabels: labels,
			Help: "Readings of the TLS files that were refused; the old certificate stays in use.",
		}),
	}
	ends := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "credence_tls_certificate_expiry_seconds", ConstLabels: labels,
		Help: "Time until the certificate in use, or one in its chain, ends; negative afterwards.",
	}, func() float64 { return left().Seconds() })
	for _, c := range []prometheus.Collector{m.reloads, m.failures, ends} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}
