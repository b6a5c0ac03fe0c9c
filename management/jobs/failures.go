package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"credence/store"
)

// Failures counts what failed, by kind: each try of a queued job, and each
// pass. What is tried again until it works counts every time, so that a job
// that never works shows as a rate that does not end.
type Failures struct{ total *prometheus.CounterVec }

// NewFailures registers credence_job_failures_total.
func NewFailures(registerer prometheus.Registerer) (*Failures, error) {
	f := &Failures{total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_job_failures_total", Help: "Tries of a job, and passes, that failed, by kind.",
	}, []string{"kind"})}
	if err := registerer.Register(f.total); err != nil {
		return nil, fmt.Errorf("count failures of jobs: %w", err)
	}
	return f, nil
}

// Counted answers the handlers, each of which counts its failures. Every kind
// is there from the start, with zero.
func (f *Failures) Counted(handlers map[string]store.JobHandler) map[string]store.JobHandler {
	counted := make(map[string]store.JobHandler, len(handlers))
	for kind, handle := range handlers {
		failed := f.total.WithLabelValues(kind)
		counted[kind] = func(ctx context.Context, args json.RawMessage) error {
			done := false
			defer func() { // also when it panics, which the queue takes for an error
				if !done {
					failed.Inc()
				}
			}()
			err := handle(ctx, args)
			done = err == nil
			return err
		}
	}
	return counted
}

// know has a pass be there from the start, with zero.
func (f *Failures) know(pass string) { f.total.WithLabelValues(pass) }

// pass counts a pass that failed.
func (f *Failures) pass(kind string) { f.total.WithLabelValues(kind).Inc() }
