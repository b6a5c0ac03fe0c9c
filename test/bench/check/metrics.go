package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// heap is what a process has allocated since its start.
type heap struct{ objects, bytes float64 }

// readHeap asks the status port of a server. The answer itself is some thousand
// objects, of several ten thousand Checks in a round.
func readHeap(ctx context.Context, status string) (heap, error) {
	values, err := readMetrics(ctx, status, "go_memstats_mallocs_total", "go_memstats_alloc_bytes_total")
	if err != nil {
		return heap{}, err
	}
	return heap{values[0], values[1]}, nil
}

// readMetrics answers the values of metrics without labels.
func readMetrics(ctx context.Context, status string, names ...string) ([]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+status+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, 4<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	values := make([]float64, len(names))
	for i, name := range names {
		family := families[name]
		if len(family.GetMetric()) != 1 {
			return nil, fmt.Errorf("read metrics: %s stands there %d times", name, len(family.GetMetric()))
		}
		one := family.GetMetric()[0]
		values[i] = one.GetCounter().GetValue() + one.GetGauge().GetValue()
	}
	return values, nil
}

// delivered waits until the server has nothing left to tell of usage: that of
// filling its cache is no part of what is measured.
func delivered(ctx context.Context, status string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		lag, err := readMetrics(ctx, status, "credence_usage_lag_seconds")
		if err != nil || lag[0] == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
