// Command revocation is behind `make bench-revocation`: it measures how long a
// revoked key is still accepted. It starts PostgreSQL, a control plane and
// many data-plane processes of the real binary, keeps the data planes under a
// steady load of Checks, revokes keys one by one, and prints for each key the
// time from the commit, as PostgreSQL has recorded it, to the last Check that
// any replica still allowed; with notifications of PostgreSQL (LISTEN), with
// those of Redis, and with polling only, the latter two through a pooler that
// keeps no session.
//
//	make keys > every replica holds every key > at a steady pace revoke >
//	probe the revoked key at every replica until it is refused there >
//	percentiles over the keys
//
// Two figures enclose the truth, because a replica is probed every few
// milliseconds and not all the time: the last answer that allowed (a lower
// bound), and the first that refused, at the slowest replica (an upper one).
// A key that is accepted after a replica has refused it ends the run with an
// error.
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
	replicas, keys, rate, pace int
	poll                       time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-revocation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	p, err := parse(args)
	if err != nil {
		return err
	}
	return measure(ctx, p, os.Stdout)
}

func parse(args []string) (parameters, error) {
	var p parameters
	flags := flag.NewFlagSet("bench-revocation", flag.ContinueOnError)
	flags.IntVar(&p.replicas, "replicas", 20, "data-plane processes, 1 to 100")
	flags.IntVar(&p.keys, "keys", 1000, "keys to revoke, 1 to 100000")
	flags.IntVar(&p.rate, "rate", 2000, "Checks a second over all replicas, 1 to 100000")
	flags.IntVar(&p.pace, "pace", 20, "revocations a second, 1 to 1000")
	flags.DurationVar(&p.poll, "poll", 0, "--feed-poll of the data planes; 0: as shipped")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	for _, n := range []struct {
		name  string
		value int
		most  int
	}{{"replicas", p.replicas, 100}, {"keys", p.keys, 100_000}, {"rate", p.rate, 100_000}, {"pace", p.pace, 1000}} {
		if n.value < 1 || n.value > n.most {
			return p, fmt.Errorf("-%s is %d: want 1 to %d", n.name, n.value, n.most)
		}
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("unexpected argument %q: there are flags only, see -help", flags.Arg(0))
	}
	if p.rate < p.replicas {
		return p, fmt.Errorf("-rate is %d: want at least one Check a second for each of %d replicas", p.rate, p.replicas)
	}
	return p, nil
}
