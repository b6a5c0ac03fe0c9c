package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrMissing says that the program is not installed, and how to install it.
var ErrMissing = errors.New("redis-server is not installed; run `make tools`, or on Debian and Ubuntu: apt-get install redis-server")

// Server is one Redis server.
type Server struct {
	program string
	folder  string
	port    int
	bus     int      // port by which nodes of a Cluster speak with each other
	more    []string // arguments beside those that every server has
	watches string   // of a Sentinel: the file of its configuration
	admin   *redis.Client
	running *process
}

// Rights are what docs/deployment.md says that the user of Credence needs on a
// single server. Whoever calls one of Start or StartIn without a name has these
// and no others, so that no test passes with more.
const Rights = "~crd:* &crd:* +@read +@write +@scripting +@pubsub +@connection +time +multi +exec"

// allPowerful is the user of Admin; any password is right.
const allPowerful = "admin"

// Start starts a single server, empty and without a password, and stops it when the
// test ends. More are arguments of redis-server, "--name", "value".
func Start(tb testing.TB, more ...string) *Server {
	tb.Helper()
	return started(tb, more, (*Server).leastRights)
}

// startMember is Start for a server of several, which ask each other for more than
// Rights.
func startMember(tb testing.TB, more ...string) *Server {
	tb.Helper()
	return started(tb, more, func(*Server) {})
}

func started(tb testing.TB, more []string, restrict func(*Server)) *Server {
	tb.Helper()
	s, err := newServer(tb, more)
	if err == nil {
		restrict(s)
		err = s.Launch(tb.Context())
	}
	if err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	return s
}

func newServer(tb testing.TB, more []string) (*Server, error) {
	tb.Helper()
	s, err := prepare(tb.Context(), tb.TempDir(), more)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("stop Redis: %v", err)
		}
	})
	return s, nil
}

// StartIn is Start for programs that are no tests: the server's files go into
// the folder, and whoever starts it closes it.
func StartIn(ctx context.Context, folder string, more ...string) (*Server, error) {
	s, err := prepare(ctx, folder, more)
	if err != nil {
		return nil, err
	}
	s.leastRights()
	if err := s.Launch(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start Redis: %w", err), s.Close())
	}
	return s, nil
}

func prepare(ctx context.Context, folder string, more []string) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrMissing
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{program: program, folder: folder, port: port, more: more}
	s.admin = redis.NewClient(&redis.Options{Addr: s.Address(), MaxRetries: -1, DialTimeout: time.Second, DisableIdentity: true})
	return s, nil
}

// leastRights leaves users without a name no more than Rights, and gives Admin a
// name of its own.
func (s *Server) leastRights() {
	s.more = append(s.more, "--user", "default", "on", "nopass", "resetkeys", "resetchannels", "-@all")
	s.more = append(s.more, strings.Fields(Rights)...)
	s.more = append(s.more, "--user", allPowerful, "on", "nopass", "~*", "&*", "+@all")
	options := *s.admin.Options()
	options.Username, options.Password = allPowerful, "any"
	_ = s.admin.Close() // it has no connection yet
	s.admin = redis.NewClient(&options)
}

// Close ends the server for good.
func (s *Server) Close() error {
	err := s.admin.Close()
	if s.running != nil {
		err = errors.Join(err, s.running.kill())
	}
	return err
}

// Address is 127.0.0.1:PORT; it stays the same over a restart.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Admin is a client for the test's own doings. Its calls end with their ctx.
func (s *Server) Admin() *redis.Client { return s.admin }

// Launch starts the server, empty, and waits until it answers.
func (s *Server) Launch(ctx context.Context) error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.folder,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "notice",
	}, s.more...)
	if s.watches != "" {
		args = []string{s.watches, "--sentinel"}
	}
	// Not CommandContext: the server outlives the call that starts it.
	cmd := exec.Command(s.program, args...) //nolint:noctx // see above
	cmd.Dir = s.folder
	var err error
	if s.running, err = start(cmd, filepath.Join(s.folder, "log")); err != nil {
		return err
	}
	return s.running.until(ctx, func() error {
		err := s.admin.Ping(ctx).Err()
		if refused, ok := errors.AsType[redis.Error](err); ok {
			_ = refused // it answers, if only that it wants a password
			return nil
		}
		return err
	})
}

// Kill ends the server as a crash would: nobody is told anything, all is lost.
func (s *Server) Kill() error { return s.running.kill() }

// alive reports whether the process runs.
func (s *Server) alive() bool {
	select {
	case <-s.running.done:
		return false
	default:
		return true
	}
}

// Restart is Kill and Launch: the server comes back empty.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.Launch(ctx)
}

// Freeze stops the server where it stands: connections stay open, new ones are
// accepted by the kernel, and nothing answers.
func (s *Server) Freeze() error { return s.running.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.running.signal(syscall.SIGCONT) }

// until asks check again and again until it answers nil; it gives up when the
// process has ended, when ctx ends, or when patience does.
func (p *process) until(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended by itself\n%s", p.cmd.Path, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.cmd.Path, err, tail(p.log))
		case <-tick.C:
		}
	}
}

// freePort answers a port that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
