package redisserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the Sentinels call the master.
const MasterName = "credence"

// Sentinels are a master and a replica, watched by three Sentinels.
type Sentinels struct {
	tb    testing.TB
	nodes []*Server // master first, as they were started
	watch []*Server
}

// StartSentinels starts a master, a replica and three Sentinels that agree on
// them, and stops them when the test ends.
func StartSentinels(tb testing.TB) *Sentinels {
	tb.Helper()
	// A link that is cut is made anew at once; the default waits.
	master := startMember(tb, "--repl-diskless-sync-delay", "0")
	replica := startMember(tb, "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	s := &Sentinels{tb: tb, nodes: []*Server{master, replica}}
	for range 3 {
		s.watch = append(s.watch, s.startSentinel(master))
	}
	if err := s.until("the Sentinels know each other and the replica", s.agreed); err != nil {
		tb.Fatal(err)
	}
	return s
}

// startSentinel starts one; it is redis-server with another configuration,
// which it writes itself, too.
func (s *Sentinels) startSentinel(master *Server) *Server {
	s.tb.Helper()
	w, err := newServer(s.tb, nil)
	if err != nil {
		s.tb.Fatalf("start Sentinel: %v", err)
	}
	file := filepath.Join(w.folder, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\n"+
		"sentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 5000\nsentinel parallel-syncs %[3]s 1\n",
		w.port, w.folder, MasterName, master.port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.tb.Fatalf("start Sentinel: %v", err)
	}
	w.watches = file
	if err := w.Launch(s.tb.Context()); err != nil {
		s.tb.Fatalf("start Sentinel: %v", err)
	}
	return w
}

// agreed answers nil when every Sentinel knows the two others and the replica,
// and the replica has what the master has.
func (s *Sentinels) agreed(ctx context.Context) error {
	for _, w := range s.watch {
		m, err := w.sentinel(ctx, "master", MasterName).Result()
		if err != nil {
			return err
		}
		if m["num-slaves"] != "1" || m["num-other-sentinels"] != "2" {
			return fmt.Errorf("replicas %s, other Sentinels %s", m["num-slaves"], m["num-other-sentinels"])
		}
	}
	n, err := s.nodes[0].admin.Wait(ctx, 1, 0).Result()
	if err == nil && n != 1 {
		err = errors.New("the replica does not follow")
	}
	return err
}

func (s *Server) sentinel(ctx context.Context, args ...any) *redis.MapStringStringCmd {
	cmd := redis.NewMapStringStringCmd(ctx, append([]any{"sentinel"}, args...)...)
	_ = s.admin.Process(ctx, cmd) // the command holds its error
	return cmd
}

func (s *Sentinels) until(what string, check func(ctx context.Context) error) error {
	ctx := s.tb.Context()
	if err := s.watch[0].running.until(ctx, func() error { return check(ctx) }); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Addresses are those of the Sentinels.
func (s *Sentinels) Addresses() []string {
	var all []string
	for _, w := range s.watch {
		all = append(all, w.Address())
	}
	return all
}

// All are the Sentinels and the servers that they watch.
func (s *Sentinels) All() []*Server { return slices.Concat(s.watch, s.nodes) }

// Master is the server that the Sentinels say is the master now.
func (s *Sentinels) Master() *Server {
	s.tb.Helper()
	n, err := s.master(s.tb.Context())
	if err != nil {
		s.tb.Fatalf("ask a Sentinel: %v", err)
	}
	return n
}

func (s *Sentinels) master(ctx context.Context) (*Server, error) {
	m, err := s.watch[0].sentinel(ctx, "master", MasterName).Result()
	if err != nil {
		return nil, err
	}
	for _, n := range s.nodes {
		if strconv.Itoa(n.port) == m["port"] {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the master at port %s is none of ours", m["port"])
}

// Failover kills the master and waits until the Sentinels have made the
// replica the master. The old one is answered with.
func (s *Sentinels) Failover() *Server {
	s.tb.Helper()
	old := s.Master()
	if err := old.Kill(); err != nil {
		s.tb.Fatal(err)
	}
	err := s.until("another master", func(ctx context.Context) error {
		now, err := s.master(ctx)
		if err != nil {
			return err
		}
		if now == old {
			return errors.New("still the old one")
		}
		return now.admin.Set(ctx, "after-failover", "1", 0).Err() // it takes writes
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return old
}
