package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"credence/store/credential"
	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/stage"
)

// The commands of credence that are measured.
const (
	planeServe   = "serve"    // everything in one process, on SQLite
	planeReplica = "extauthz" // the data plane alone, on PostgreSQL
)

// subject is a server that is measured, with its results.
type subject struct {
	name string
	target
	plane  string // the command of credence; "" of others
	pid    int
	status string // host:port of its metrics
	conns  []*grpc.ClientConn
	rounds []sample
}

// sample is one round.
type sample struct {
	cpu    time.Duration // of the server, for one Check
	second float64       // Checks answered in a second
	rss    int64
	heap   heap // allocated, for one Check
}

// round drives the subject for the length and keeps what it cost.
func (s *subject) round(ctx context.Context, p plan) error {
	heapBefore, err := readHeap(ctx, s.status)
	if err != nil {
		return err
	}
	before, err := measure(s.pid)
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := s.closedLoop(ctx, s.conns, p.calls, p.round)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	took := time.Since(start)
	after, err := measure(s.pid)
	if err != nil {
		return err
	}
	heapAfter, err := readHeap(ctx, s.status)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s: nothing was answered", s.name)
	}
	s.rounds = append(s.rounds, sample{
		cpu: (after.cpu - before.cpu) / time.Duration(n), second: float64(n) / took.Seconds(), rss: after.rss,
		heap: heap{(heapAfter.objects - heapBefore.objects) / float64(n), (heapAfter.bytes - heapBefore.bytes) / float64(n)},
	})
	return nil
}

// noopSubject starts a no-op server.
func (b *bench) noopSubject(ctx context.Context, name string, tuned bool) (*subject, error) {
	p, err := startNoop(ctx, tuned)
	if err != nil {
		return nil, err
	}
	b.stops = append(b.stops, p.stop)
	key, err := foreignText()
	if err != nil {
		return nil, err
	}
	s := &subject{name: name, pid: p.pid, status: p.status, target: target{address: p.address, keys: []credential.Text{key}}}
	return s, b.connect(s)
}

// credenceSubject starts `credence serve` with n keys, all of them in its cache.
func (b *bench) credenceSubject(ctx context.Context, name string, n int, flags ...string) (*subject, error) {
	folder := filepath.Join(b.folder, strconv.Itoa(len(b.stops)))
	texts, err := fill(ctx, filepath.Join(folder, "data"), n)
	if err != nil {
		return nil, err
	}
	c, err := harness.StartCredence(ctx, b.binary, folder, append(cached(n), flags...)...)
	if err != nil {
		return nil, err
	}
	return b.filled(ctx, c, planeServe, name, texts, flags)
}

// replicaSubject starts `credence extauthz` on PostgreSQL with n keys, all of
// them in its cache.
func (b *bench) replicaSubject(ctx context.Context, name string, n int, flags ...string) (*subject, error) {
	if b.postgres == nil {
		server, err := pgserver.Start(ctx)
		if err != nil {
			return nil, err
		}
		b.postgres = server
		b.stops = append(b.stops, func() error { return server.Stop(context.WithoutCancel(ctx)) })
	}
	folder := filepath.Join(b.folder, strconv.Itoa(len(b.stops)))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s, err := stage.Prepare(ctx, b.binary, folder, b.postgres)
	if err != nil {
		return nil, err
	}
	texts, err := fillStage(ctx, s, n)
	if err != nil {
		return nil, err
	}
	c, err := s.Replica(ctx, s.Checker, append(cached(n), flags...)...)
	if err != nil {
		return nil, err
	}
	return b.filled(ctx, c, planeReplica, name, texts, flags)
}

// cached are the flags of a server that is to keep n keys.
func cached(n int) []string {
	return []string{"--cache-size", strconv.Itoa(max(n, 100)), "--cache-ttl", "24h", "--ceiling", "24h", "--log-level", "warn"}
}

// filled asks a server for each of its keys once.
func (b *bench) filled(ctx context.Context, c *harness.Credence, plane, name string, texts []credential.Text, flags []string) (*subject, error) {
	b.stops = append(b.stops, c.Close)
	s := &subject{
		name: name, plane: plane, pid: c.PID(), status: c.Status, target: target{address: checkAddress(c, flags), creds: b.creds, keys: texts},
	}
	if err := b.connect(s); err != nil {
		return nil, err
	}
	err := s.each(ctx, s.conns, b.plan.calls*b.plan.connections)
	if err == nil {
		err = delivered(ctx, s.status)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: fill the cache: %w", name, err)
	}
	return s, nil
}

// refusal is the same server asked with keys that it never minted.
func (b *bench) refusal(of *subject) (*subject, error) {
	key, err := foreignText()
	if err != nil {
		return nil, err
	}
	s := &subject{name: of.plane + ", refused", plane: of.plane, pid: of.pid, status: of.status, target: of.target}
	s.keys, s.code = []credential.Text{key}, uint64(codes.Unauthenticated)
	return s, b.connect(s)
}

// checkAddress is where the server listens: a Unix socket has no port.
func checkAddress(c *harness.Credence, flags []string) string {
	if i := slices.Index(flags, "--check-addr"); i >= 0 {
		return flags[i+1]
	}
	return c.Check.String()
}

// connect makes the message and the connections.
func (b *bench) connect(s *subject) (err error) {
	if s.message, err = newMessage(s.keys[0].Reveal()); err != nil {
		return err
	}
	s.conns, err = s.dial(b.plan.connections)
	b.stops = append(b.stops, func() error { return hangUp(s.conns) })
	return err
}

// foreignText is a key text of the right form whose checksum is another
// deployment's.
func foreignText() (credential.Text, error) {
	elsewhere, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		return credential.Text{}, fmt.Errorf("mint a foreign key: %w", err)
	}
	text, _, err := elsewhere.Mint(rand.Reader, "crd", "live")
	return text, err
}

// tempFolder is where the run's data lives.
func tempFolder() (string, error) {
	folder, err := os.MkdirTemp("", "credence-bench-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	return folder, nil
}
