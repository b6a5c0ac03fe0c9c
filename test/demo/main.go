// Command demo is behind `make demo`: it starts `credence serve` on a new data
// folder, an echo upstream, and a real Envoy with the configuration that this
// repository ships, makes a key, and prints commands to try. It runs until
// Ctrl-C (or SIGTERM) and leaves nothing behind: no process, no file.
//
// It does nothing that a person could not do with the same parts; the key is
// made with the command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run is the demo from flags to clean-up; the end of ctx is its regular end.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	gateway, admin, err := parse(args)
	if err != nil {
		return err
	}
	for _, p := range []place{gateway, admin} {
		if err := p.free(ctx); err != nil {
			return err
		}
	}
	folder, err := os.MkdirTemp("", "credence-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	d := &demo{folder: folder, out: out}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx, gateway.address, admin.address); err != nil {
		return interrupted(ctx, err)
	}
	if err := d.explain(); err != nil {
		return interrupted(ctx, err)
	}
	return d.wait(ctx)
}

// interrupted forgives what failed because the person has had enough.
func interrupted(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// place is an address of the demo that a person may choose.
type place struct {
	flag    string
	what    string
	address netip.AddrPort
}

func parse(args []string) (gateway, admin place, err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	gatewayAt := flags.String("gateway", "127.0.0.1:10000", "where Envoy takes requests; port 0 picks a free one")
	adminAt := flags.String("admin", "127.0.0.1:9901", "Envoy's own admin page; port 0 picks a free one")
	if err := flags.Parse(args); err != nil {
		return gateway, admin, err
	}
	if flags.NArg() > 0 {
		return gateway, admin, fmt.Errorf("unexpected argument %q: the demo takes flags only, see -help", flags.Arg(0))
	}
	if gateway, err = newPlace("-gateway", "Envoy's listener", *gatewayAt); err != nil {
		return gateway, admin, err
	}
	admin, err = newPlace("-admin", "Envoy's admin page", *adminAt)
	return gateway, admin, err
}
