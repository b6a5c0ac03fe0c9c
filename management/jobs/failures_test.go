package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management/jobs"
	"credence/store"
)

// failures answers a counter, and a reading of it by kind.
func failures(t *testing.T) (*jobs.Failures, func(kind string) float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	f, err := jobs.NewFailures(registry)
	must(t, err)
	return f, func(kind string) float64 {
		t.Helper()
		all, err := registry.Gather()
		must(t, err)
		for _, family := range all {
			for _, m := range family.GetMetric() {
				if family.GetName() == "credence_job_failures_total" && m.GetLabel()[0].GetValue() == kind {
					return m.GetCounter().GetValue()
				}
			}
		}
		t.Errorf("%s is not counted", kind)
		return -1
	}
}

// TestEveryFailedTryOfAJobIsCounted by its kind, a panic too, and the handler's
// answer stays what it was.
func TestEveryFailedTryOfAJobIsCounted(t *testing.T) {
	f, counted := failures(t)
	errBroken := errors.New("broken")
	handlers := f.Counted(map[string]store.JobHandler{
		"well":   func(context.Context, json.RawMessage) error { return nil },
		"broken": func(context.Context, json.RawMessage) error { return errBroken },
		"panics": func(context.Context, json.RawMessage) error { panic("worse") },
	})
	for range 3 {
		must(t, handlers["well"](t.Context(), nil))
		if err := handlers["broken"](t.Context(), nil); !errors.Is(err, errBroken) {
			t.Errorf("answered %v", err)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the queue does not learn of the panic")
			}
		}()
		_ = handlers["panics"](t.Context(), nil)
	}()
	if counted("well") != 0 || counted("broken") != 3 || counted("panics") != 1 {
		t.Errorf("counted %v, %v and %v, want 0, 3 and 1", counted("well"), counted("broken"), counted("panics"))
	}
}
