package redis

import (
	"fmt"
	"sort"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are what is known of Redis, and counters since the start.
type Stats struct {
	Up       bool
	Since    time.Time // when Up became what it is
	Losses   int64     // how often Redis went away
	Calls    int64     // calls that were made
	Failures int64     // calls that failed or took longer than their budget
	Refused  int64     // calls that were not made, as Redis was away
}

// Stats answers the state and the counters.
func (c *Client) Stats() Stats {
	open, since, losses, _ := c.circuit.state()
	return Stats{
		Up: !open, Since: since, Losses: losses,
		Calls: c.counts.calls.Load(), Failures: c.counts.failures.Load(), Refused: c.counts.refused.Load(),
	}
}

// Note says in a line what is wrong with Redis, for people; "" for nothing.
func (c *Client) Note() string {
	open, since, _, cause := c.circuit.state()
	if !open {
		return ""
	}
	return fmt.Sprintf("away since %s, going on without it: %v", since.UTC().Format(time.RFC3339), cause)
}

const bucketCount = 9

// bucketBounds are the bounds of the latency histogram, around the budget.
func bucketBounds() [bucketCount]time.Duration {
	return [bucketCount]time.Duration{
		250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
		5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, time.Second,
	}
}

// latency counts calls by how long they took.
type latency struct {
	within [bucketCount + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (l *latency) observe(d time.Duration) {
	bounds := bucketBounds()
	i := sort.Search(bucketCount, func(i int) bool { return d <= bounds[i] })
	l.within[i].Add(1)
	l.sum.Add(int64(d))
}

// Describe implements prometheus.Collector.
func (c *Client) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *Client) Collect(out chan<- prometheus.Metric) {
	s := c.Stats()
	up := 0.0
	if s.Up {
		up = 1
	}
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"credence_redis_up", "1 while Redis is asked, 0 while it is away.", prometheus.GaugeValue, up},
		{"credence_redis_losses_total", "How often Redis went away.", prometheus.CounterValue, float64(s.Losses)},
		{"credence_redis_calls_total", "Calls of Redis.", prometheus.CounterValue, float64(s.Calls)},
		{"credence_redis_failures_total", "Calls of Redis that failed or took longer than their budget.", prometheus.CounterValue, float64(s.Failures)},
		{"credence_redis_refused_total", "Calls that were not made because Redis was away.", prometheus.CounterValue, float64(s.Refused)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value)
	}
	total, cumulative := uint64(0), make(map[float64]uint64, bucketCount)
	for i, bound := range bucketBounds() {
		total += c.counts.latency.within[i].Load()
		cumulative[bound.Seconds()] = total
	}
	total += c.counts.latency.within[bucketCount].Load()
	out <- prometheus.MustNewConstHistogram(
		prometheus.NewDesc("credence_redis_call_seconds", "How long calls of Redis took.", nil, nil),
		total, time.Duration(c.counts.latency.sum.Load()).Seconds(), cumulative)
}
