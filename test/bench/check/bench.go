package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc/credentials"

	"credence/test/harness"
	"credence/test/pgserver"
)

// patience is how long a server may take to be ready: with a million keys it
// reads for as long as it may before it says so.
const patience = 5 * time.Minute

// bench is one run.
type bench struct {
	plan   plan
	out    io.Writer
	folder string
	binary string
	stops  []func() error
	creds  credentials.TransportCredentials // of servers started next; nil: plaintext

	postgres *pgserver.Server // nil until one is needed
}

func (b *bench) close() error {
	var errs []error
	for _, stop := range slices.Backward(b.stops) {
		errs = append(errs, stop())
	}
	if b.folder != "" {
		errs = append(errs, os.RemoveAll(b.folder))
	}
	return errors.Join(errs...)
}

func (b *bench) run(ctx context.Context) (err error) {
	ctx = harness.WithPatience(ctx, patience)
	if b.folder, err = tempFolder(); err != nil {
		return err
	}
	if b.binary, err = harness.Build(ctx, b.folder); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%s, rounds of %s, %d each, %d connections x %d calls\n", time.Now().UTC().Format(time.DateOnly),
		b.plan.round, b.plan.rounds, b.plan.connections, b.plan.calls)
	if b.plan.parts["cpu"] || b.plan.parts["latency"] {
		if err := b.checks(ctx); err != nil {
			return err
		}
	}
	if b.plan.parts["settings"] {
		if err := b.settings(ctx); err != nil {
			return err
		}
	}
	if b.plan.parts["envoy"] {
		return b.behindEnvoy(ctx)
	}
	return nil
}

// checks compares the servers on the wire.
func (b *bench) checks(ctx context.Context) error {
	base, err := b.noopSubject(ctx, "noop", false)
	if err != nil {
		return err
	}
	tuned, err := b.noopSubject(ctx, "noop, tuned", true)
	if err != nil {
		return err
	}
	subjects := []*subject{base, tuned}
	for _, plane := range b.plan.planes {
		start := b.credenceSubject
		if plane == planeReplica {
			start = b.replicaSubject
		}
		for _, n := range b.plan.keys {
			s, err := start(ctx, fmt.Sprintf("%s, %d keys", plane, n), n)
			if err != nil {
				return err
			}
			subjects = append(subjects, s)
			if n == b.plan.keys[0] {
				refused, err := b.refusal(s)
				if err != nil {
					return err
				}
				subjects = append(subjects, refused)
			}
		}
	}
	if b.plan.parts["cpu"] {
		if err := b.alternate(ctx, subjects); err != nil {
			return err
		}
		if err := b.table(subjects); err != nil {
			return err
		}
	}
	if b.plan.parts["latency"] {
		return b.latency(ctx, subjects)
	}
	return nil
}

// alternate gives every subject its rounds in turn; the first, which warms
// up, does not count.
func (b *bench) alternate(ctx context.Context, subjects []*subject) error {
	for round := range b.plan.rounds + 1 {
		for _, s := range subjects {
			if err := s.round(ctx, b.plan); err != nil {
				return err
			}
			if round == 0 {
				s.rounds = s.rounds[:0]
			}
		}
	}
	return nil
}

// table prints the middle rounds, and ratios to the first subject.
func (b *bench) table(subjects []*subject) error {
	w := tabwriter.NewWriter(b.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nserver\tCPU us/Check\tratio\tmin..max\tChecks/s\tRSS MiB\tallocs/Check\tbytes/Check\t")
	base := subjects[0].middle().cpu
	for _, s := range subjects {
		m := s.middle()
		low, high := s.spread()
		fmt.Fprintf(w, "%s\t%.1f\t%.2f\t%.1f..%.1f\t%.0f\t%d\t%.1f\t%.0f\t\n", s.name, micros(m.cpu), float64(m.cpu)/float64(base),
			micros(low), micros(high), m.second, m.rss>>20, m.heap.objects, m.heap.bytes)
	}
	return w.Flush()
}

// latency prints percentiles at fixed rates.
func (b *bench) latency(ctx context.Context, subjects []*subject) error {
	w := tabwriter.NewWriter(b.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nserver\trate/s\tp50 us\tp99 us\t")
	for _, rate := range []int{1000, 4000} {
		for _, s := range subjects {
			took, err := s.openLoop(ctx, s.conns, rate, b.plan.round)
			if err != nil {
				return fmt.Errorf("%s at %d/s: %w", s.name, rate, err)
			}
			slices.Sort(took)
			fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t\n", s.name, rate, micros(quantile(took, 0.5)), micros(quantile(took, 0.99)))
		}
	}
	return w.Flush()
}

// middle is the round with the median processor time of the server, or of
// Envoy where there is none.
func (g *gateway) middle() gatewaySample {
	sorted := slices.SortedFunc(slices.Values(g.rounds), func(a, b gatewaySample) int {
		return int(a.envoy + a.server - b.envoy - b.server)
	})
	return sorted[len(sorted)/2]
}

// middle is the round with the median processor time.
func (s *subject) middle() sample {
	sorted := slices.SortedFunc(slices.Values(s.rounds), func(a, b sample) int { return int(a.cpu - b.cpu) })
	return sorted[len(sorted)/2]
}

func (s *subject) spread() (low, high time.Duration) {
	low, high = s.rounds[0].cpu, s.rounds[0].cpu
	for _, r := range s.rounds {
		low, high = min(low, r.cpu), max(high, r.cpu)
	}
	return low, high
}

// quantile of sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
