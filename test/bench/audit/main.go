// Command audit is behind `make bench-audit`: it measures how long verifying an
// export of the audit log takes, as `credence audit verify --file` does it. It
// makes entries as the control plane makes them, their details sealed and a
// checkpoint signed every thousand, writes them as an export to a file, and
// verifies that file with the public keys and the last checkpoint from outside.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"credence/management/audit"
	"credence/store"
	"credence/store/seal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-audit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench-audit", flag.ContinueOnError)
	entries := flags.Int64("entries", 1_000_000, "entries of the chain, 1 to 100000000")
	rounds := flags.Int("rounds", 3, "how often it is verified, 1 to 100")
	profile := flags.String("profile", "", "file for a profile of the processor's time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *entries < 1 || *entries > 100_000_000 || *rounds < 1 || *rounds > 100 {
		return errors.New("-entries is 1 to 100000000, -rounds 1 to 100")
	}
	folder, err := os.MkdirTemp("", "credence-bench-audit-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "audit.jsonl")
	o, err := write(ctx, file, *entries)
	if err != nil {
		return err
	}
	if *profile != "" {
		stop, err := profiled(*profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	for range *rounds {
		if err := measure(ctx, file, *entries, o); err != nil {
			return err
		}
	}
	return nil
}

func profiled(name string) (stop func() error, err error) {
	f, err := os.Create(name) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// write writes the export and answers what it is verified by.
func write(ctx context.Context, name string, entries int64) (o audit.VerifyOptions, err error) {
	keyset, err := seal.NewKeyset()
	if err != nil {
		return o, err
	}
	keys, err := keyset.PublicKeys()
	if err != nil {
		return o, err
	}
	if o.Keys, err = audit.ParsePublicKeys(keys); err != nil {
		return o, err
	}
	c, err := newChain(keyset, entries)
	if err != nil {
		return o, err
	}
	o.Outside = c.checkpoints[len(c.checkpoints)-1:]
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // in a folder of ours
	if err != nil {
		return o, err
	}
	return o, errors.Join(audit.WriteExport(ctx, out, c, audit.ExportOptions{}), out.Close())
}

func measure(ctx context.Context, name string, entries int64, o audit.VerifyOptions) error {
	f, err := os.Open(name) //nolint:gosec // in a folder of ours
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	began, used := time.Now(), processorTime()
	report, err := audit.VerifyExport(ctx, f, o)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if report.Entries != entries {
		return fmt.Errorf("%d entries were verified, not %d", report.Entries, entries)
	}
	fmt.Fprintf(os.Stdout, "%d entries (%d MiB), %d checkpoints: %.1f s, %.1f s of processor time on %d cores, %.0f entries a second\n",
		report.Entries, info.Size()>>20, report.Checkpoints, took.Seconds(), (processorTime() - used).Seconds(), runtime.GOMAXPROCS(0),
		float64(entries)/took.Seconds())
	return nil
}

// processorTime is what the process has used so far: on a machine that others
// use, too, it says more than a clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// signEvery is how many entries there are to a checkpoint.
const signEvery = 1000

// chain is a chain whose entries are made as they are read, in order.
type chain struct {
	length      int64
	sealed      []byte
	head        store.AuditHead
	checkpoints []store.AuditCheckpoint
	last        store.AuditEntry // that was read
}

// newChain makes all entries once, for its end and its checkpoints.
func newChain(keyset *seal.Keyset, length int64) (*chain, error) {
	sealed, err := keyset.Seal(make([]byte, 250), []byte("bench"))
	if err != nil {
		return nil, err
	}
	c := &chain{length: length, sealed: sealed}
	for c.last.Sequence < length {
		c.next()
		if c.last.Sequence%signEvery != 0 && c.last.Sequence != length {
			continue
		}
		p := store.AuditCheckpoint{
			Number: int64(len(c.checkpoints) + 1), Namespace: c.last.Namespace, Sequence: c.last.Sequence,
			Kind: store.CheckpointHead, Hash: c.last.Hash, At: c.last.At,
		}
		if p.Signature, err = keyset.Sign(p.Message()); err != nil {
			return nil, err
		}
		c.checkpoints = append(c.checkpoints, p)
	}
	c.head = store.AuditHead{Namespace: c.last.Namespace, Sequence: length, Hash: c.last.Hash}
	c.last = store.AuditEntry{}
	return c, nil
}

// next makes the entry after the last.
func (c *chain) next() {
	n := c.last.Sequence + 1
	e := store.AuditEntry{
		Namespace: store.DefaultNamespace, Sequence: n, At: time.Unix(1_800_000_000+n, 123_456_000).UTC(),
		Actor: "token:tok_01jc8zq8m4x01jc8zq8m4x0123", Action: "key.update", Object: "key:key_01jc8zq8m4x01jc8zq8m4x0123",
		KeyID: "key_01jc8zq8m4x01jc8zq8m4x0123", RequestID: "req_01jc8zq8m4x01jc8zq8m4x0123", Details: c.sealed, Previous: c.last.Hash,
	}
	e.Hash = e.ChainHash()
	c.last = e
}

// AuditHeads answers where the chain ends.
func (c *chain) AuditHeads(context.Context, store.Page) ([]store.AuditHead, store.Cursor, error) {
	return []store.AuditHead{c.head}, "", nil
}

// ChainCheckpoints answers the checkpoints after a number.
func (c *chain) ChainCheckpoints(_ context.Context, _ string, after int64, limit int) ([]store.AuditCheckpoint, error) {
	rest := c.checkpoints[after:]
	return rest[:min(limit, len(rest))], nil
}

// AuditEntries answers the entries after those it has answered.
func (c *chain) AuditEntries(_ context.Context, _ string, after int64, limit int) ([]store.AuditEntry, error) {
	if after != c.last.Sequence {
		return nil, fmt.Errorf("entries after %d are asked for, not after %d", after, c.last.Sequence)
	}
	var out []store.AuditEntry
	for len(out) < limit && c.last.Sequence < c.length {
		c.next()
		out = append(out, c.last)
	}
	return out, nil
}
