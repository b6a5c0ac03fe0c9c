package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// plan is what a run measures.
type plan struct {
	keys        []int // sizes of the cache that are compared
	rounds      int
	round       time.Duration
	connections int
	calls       int      // at a time, for each connection
	planes      []string // of credence, that keys are compared on
	parts       map[string]bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "noop" {
		return serveNoop(ctx, args[1:])
	}
	p, err := parse(args)
	if err != nil {
		return err
	}
	b := &bench{plan: p, out: os.Stdout}
	return errors.Join(b.run(ctx), b.close())
}

func parse(args []string) (plan, error) {
	p := plan{parts: map[string]bool{}}
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	keys := f.String("keys", "1,100000", "sizes of the key cache to compare, comma separated")
	planes := f.String("planes", planeReplica+","+planeServe, "what the numbers of keys are compared on: extauthz (PostgreSQL), serve (SQLite)")
	parts := f.String("parts", "cpu,settings,latency,envoy", "what to measure: cpu, settings, latency, envoy")
	f.IntVar(&p.rounds, "rounds", 5, "rounds of each server")
	f.DurationVar(&p.round, "round", 2*time.Second, "length of a round")
	f.IntVar(&p.connections, "connections", 4, "connections of the closed loop")
	f.IntVar(&p.calls, "calls", 16, "calls at a time on each connection")
	if err := f.Parse(args); err != nil {
		return plan{}, err
	}
	for field := range strings.SplitSeq(*keys, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > 10_000_000 {
			return plan{}, fmt.Errorf("-keys: %q is not a number from 1 to 10000000", field)
		}
		p.keys = append(p.keys, n)
	}
	for plane := range strings.SplitSeq(*planes, ",") {
		if plane != planeReplica && plane != planeServe {
			return plan{}, fmt.Errorf("-planes: %q is neither %s nor %s", plane, planeReplica, planeServe)
		}
		p.planes = append(p.planes, plane)
	}
	for part := range strings.SplitSeq(*parts, ",") {
		switch part {
		case "cpu", "settings", "latency", "envoy":
			p.parts[part] = true
		default:
			return plan{}, fmt.Errorf("-parts: %q is none of cpu, settings, latency, envoy", part)
		}
	}
	if p.rounds < 1 || p.round <= 0 || p.connections < 1 || p.calls < 1 {
		return plan{}, errors.New("-rounds, -round, -connections and -calls must be positive")
	}
	return p, nil
}
