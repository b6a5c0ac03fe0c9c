// Command import is behind `make bench-import`: it measures how long the
// command line takes to import a file of keys. It starts PostgreSQL, a control
// plane and a replica of the real binary, writes a CSV file of key texts,
// imports it as a person would, imports it again, as after an interruption, revokes
// all of them, and prints how long each took.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-import:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench-import", flag.ContinueOnError)
	keys := flags.Int("keys", 100_000, "keys in the file, 1 to 10000000")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *keys < 1 || *keys > 10_000_000 {
		return fmt.Errorf("-keys is %d: want 1 to 10000000", *keys)
	}
	folder, err := os.MkdirTemp("", "credence-bench-import-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	binary, err := harness.Build(ctx, folder)
	if err != nil {
		return err
	}
	server, err := pgserver.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	return measure(ctx, binary, folder, server, *keys)
}

func measure(ctx context.Context, binary, folder string, server *pgserver.Server, keys int) (err error) {
	file := filepath.Join(folder, "keys.csv")
	if err := write(file, keys); err != nil {
		return err
	}
	s, err := stage.Prepare(ctx, binary, folder, server)
	if err != nil {
		return err
	}
	control, err := s.Management(ctx, s.Owner, "--accept-foreign-keys")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	replica, err := s.Replica(ctx, s.Checker, "--accept-foreign-keys")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, replica.Close()) }()
	for _, what := range []string{"import", "import of what is there already"} {
		began := time.Now()
		out, err := harness.Run(ctx, binary, "keys", "import", "--server", "http://"+control.API,
			"--token-file", filepath.Join(s.Folder, "secrets", "admin.token"), "--file", file, "--format", "csv")
		if err != nil {
			return err
		}
		took := time.Since(began)
		fmt.Fprintf(os.Stdout, "%s: %d keys in %.1f s, %.0f a second\n%s\n", what, keys, took.Seconds(), float64(keys)/took.Seconds(), out)
	}
	began := time.Now()
	out, err := harness.Run(ctx, binary, "keys", "revoke", "--server", "http://"+control.API,
		"--token-file", filepath.Join(s.Folder, "secrets", "admin.token"), "--everything", "--reason", "measured", "--yes")
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(os.Stdout, "revocation of all: %d keys in %.1f s, %.0f a second\n%s\n", keys, took.Seconds(), float64(keys)/took.Seconds(), out)
	return nil
}

// write makes a file of that many keys, as one would take over from elsewhere.
func write(name string, keys int) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: in a folder of ours
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "key_text,name,scopes,labels,expires_at")
	for i := range keys {
		fmt.Fprintf(w, "legacy_%s,customer %d,orders:read orders:write,team=t%d; tier=gold,2099-01-01T00:00:00Z\n", rand.Text(), i, i%100)
	}
	return errors.Join(w.Flush(), f.Close())
}
