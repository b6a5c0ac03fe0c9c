// Command limits is behind `make bench-limits`: it measures how well replicas
// keep to one limit together. It starts a real Redis and, for each run, a
// process for each replica, each with a limiter and a Redis client of its own.
// All of them take from the limit of one key at a steady pace in the open loop,
// at 0.5, 1, 2 and 10 times what the limit allows.
//
//	admitted  against allowed = min(offered, burst + rate x time): "over" is
//	          what was too much, "under" what was missing, both in percent
//	worst     the worst excess in any window of the run, in percent of burst +
//	window    rate x window, from the instants at which requests were admitted:
//	          milliseconds apart from those at which Redis decided
//	calls     of Redis for each request
//	by share  requests that the share of a replica judged, in percent
//
// The runs "away" have no Redis at all; in "restart" Redis is killed a third
// into the run and comes back, empty, after another third; in "failover" it is a
// master that is killed a third into the run, and Sentinels make its replica the
// master; in "cut" Redis stays and half of the replicas cannot reach it from a
// third on; in "frozen" Redis stands still for the second third.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// parameters are what a person can choose.
type parameters struct {
	replicas, rate, burst int
	run, wait             time.Duration
	check, short          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == "replica" {
		err = replica(ctx, os.Stdin, os.Stdout)
	} else {
		err = bench(ctx, os.Args[1:])
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-limits:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, args []string) error {
	p := parameters{}
	flags := flag.NewFlagSet("bench-limits", flag.ContinueOnError)
	flags.IntVar(&p.replicas, "replicas", 10, "processes that share the limit, 1 to 100")
	flags.IntVar(&p.rate, "rate", 1000, "units a second of the limit, 1 to 100000")
	flags.IntVar(&p.burst, "burst", 0, "of the limit; 0: the rate")
	flags.DurationVar(&p.run, "time", 10*time.Second, "of each run, 1s to 10m")
	flags.DurationVar(&p.wait, "wait", 25*time.Millisecond, "longest that a request waits for Redis, 1ms to 10s; on a busy machine more")
	flags.BoolVar(&p.short, "short", false, "only the runs with a target that are hardest to meet")
	flags.BoolVar(&p.check, "check", false, "fail when a target is missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: there are flags only, see -help", flags.Arg(0))
	case p.replicas < 1 || p.replicas > 100:
		return fmt.Errorf("-replicas is %d: want 1 to 100", p.replicas)
	case p.rate < 1 || p.rate > 100_000:
		return fmt.Errorf("-rate is %d: want 1 to 100000", p.rate)
	case p.burst < 0 || p.burst > 1_000_000:
		return fmt.Errorf("-burst is %d: want 0 to 1000000", p.burst)
	case p.run < time.Second || p.run > 10*time.Minute:
		return fmt.Errorf("-time is %s: want 1s to 10m", p.run)
	case p.wait < time.Millisecond || p.wait > 10*time.Second:
		return fmt.Errorf("-wait is %s: want 1ms to 10s", p.wait)
	}
	if p.burst == 0 {
		p.burst = p.rate
	}
	return measure(ctx, &p, os.Stdout)
}
