// Command start is behind `make bench-start`: it measures how long a data plane
// takes from its start until it is ready, with its cache warm, on PostgreSQL.
// It starts PostgreSQL, fills a database with keys for each figure, and starts
// `credence extauthz` on it again and again, each time in a folder of its own,
// so that no snapshot helps.
//
//	ready   from starting the process to /readyz saying so: connecting,
//	        migrations looked at, the feed, and every key read and encoded
//	warmed  keys that were in memory then: fewer than there are when warming
//	        took longer than the 30 s that a replica waits for it
//	CPU     processor time of the process by then; that of PostgreSQL is not in it
//	memory  resident, and what each key adds to that of a start without keys
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
)

// parameters are what a person can choose.
type parameters struct {
	keys   []int
	rounds int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	p, err := parse(os.Args[1:])
	if err == nil {
		err = measure(ctx, p, os.Stdout)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-start:", err)
		os.Exit(1)
	}
}

func parse(args []string) (parameters, error) {
	var p parameters
	flags := flag.NewFlagSet("bench-start", flag.ContinueOnError)
	keys := flags.String("keys", "100000,1000000", "numbers of keys, each 1 to 5000000, with commas")
	flags.IntVar(&p.rounds, "rounds", 3, "starts for each, 1 to 100")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("unexpected argument %q: there are flags only, see -help", flags.Arg(0))
	}
	if p.rounds < 1 || p.rounds > 100 {
		return p, fmt.Errorf("-rounds is %d: want 1 to 100", p.rounds)
	}
	for word := range strings.SplitSeq(*keys, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 5_000_000 {
			return p, fmt.Errorf("-keys has %q: want numbers of 1 to 5000000 with commas", word)
		}
		p.keys = append(p.keys, n)
	}
	return p, nil
}
