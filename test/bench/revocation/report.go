package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report prints the distribution over the keys, each with its slowest replica.
func report(out io.Writer, name string, s *scene, commits map[string]time.Time) error {
	var allowed, refused []time.Duration
	for n, k := range s.keys {
		commit, known := commits[k.id]
		if !known {
			return fmt.Errorf("key %s has no commit in the feed", k.id)
		}
		var last, first time.Duration
		for _, w := range s.watchers {
			if at := w.seen[n].allowed; !at.IsZero() {
				last = max(last, at.Sub(commit)) // before the commit is none at all
			}
			first = max(first, w.seen[n].refused.Sub(commit))
		}
		allowed, refused = append(allowed, last), append(refused, first)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s\tp50\tp90\tp99\tp99.9\tmax\t\n", name)
	row(table, "commit to the last acceptance", allowed)
	row(table, "commit to refused everywhere", refused)
	return table.Flush()
}

func row(table io.Writer, name string, all []time.Duration) {
	slices.Sort(all)
	fmt.Fprintf(table, "%s\t", name)
	for _, p := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		fmt.Fprintf(table, "%s\t", percentile(all, p).Round(10*time.Microsecond))
	}
	fmt.Fprintln(table)
}

// percentile is the smallest value that p of the sorted values do not exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	for i := range sorted {
		if float64(i+1) >= p*float64(len(sorted)) {
			return sorted[i]
		}
	}
	return 0
}
