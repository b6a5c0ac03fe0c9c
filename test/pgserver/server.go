package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server for tests.
type Server struct {
	admin *url.URL // a superuser's address of an existing database

	// The rest is of a server that we started.
	folder  string
	port    int
	as      *syscall.Credential
	program string
	running *process

	templates sync.Mutex
	template  map[string]string // name to database
}

// Shared answers the server that CREDENCE_TEST_POSTGRES_URL names, and starts
// one without it.
func Shared(ctx context.Context) (*Server, error) {
	address := os.Getenv("CREDENCE_TEST_POSTGRES_URL")
	if address == "" {
		return Start(ctx)
	}
	admin, err := url.Parse(address)
	if err != nil || admin.Scheme != "postgres" && admin.Scheme != "postgresql" {
		return nil, errors.New("CREDENCE_TEST_POSTGRES_URL: want postgres://USER:PASSWORD@HOST:PORT/DATABASE of a superuser")
	}
	return &Server{admin: admin, template: map[string]string{}}, nil
}

// Start makes a cluster and starts its server.
func Start(ctx context.Context) (_ *Server, err error) {
	s := &Server{template: map[string]string{}}
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	if s.program, err = find("postgres"); err != nil {
		return nil, err
	}
	if s.as, err = account(); err != nil {
		return nil, err
	}
	if s.folder, err = newFolder(s.as); err != nil {
		return nil, fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	// Trust needs no password, and the server must not be open to every
	// process of the machine: only who can look into the folder gets to the
	// socket. Over TCP the password is asked for.
	if err = s.run(ctx, initdb, "--pgdata", s.data(), "--username", "postgres", "--encoding", "UTF8", "--locale", "C",
		"--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync", "--no-instructions"); err != nil {
		return nil, err
	}
	if s.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	s.admin = &url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{
		"host": {s.folder}, "port": {strconv.Itoa(s.port)},
	}.Encode()}
	if err = s.launch(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// run runs a program to its end, as the account.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.folder
	cmd.SysProcAttr = attributes(s.as)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, output)
	}
	return nil
}

// launch starts the server and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	// Not CommandContext: the server outlives the test that starts it.
	cmd := exec.Command(s.program, "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.folder, //nolint:noctx // see above
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "autovacuum=off", "-c", "max_wal_size=128MB", "-c", "dynamic_shared_memory_type=mmap",
		"-c", "log_min_messages=warning", "-c", "log_min_error_statement=panic")
	cmd.Dir = s.folder
	var err error
	if s.running, err = start(cmd, s.as, filepath.Join(s.folder, "log")); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s.running.until(ctx, func() error {
		return s.Do(ctx, func(c *pgx.Conn) error { return c.Ping(ctx) })
	})
}

// Do connects as a superuser and runs fn.
func (s *Server) Do(ctx context.Context, fn func(*pgx.Conn) error) error {
	return do(ctx, s.admin.String(), fn)
}

func do(ctx context.Context, address string, fn func(*pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(fn(c), c.Close(ctx))
}

// Exec runs statements as a superuser.
func (s *Server) Exec(ctx context.Context, statements string) error {
	return s.Do(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, statements)
		return err
	})
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

// owned is the running server, or why there is none to be stopped.
func (s *Server) owned() (*process, error) {
	if s.running == nil {
		return nil, errors.New("this server is not ours to stop or freeze; start one with pgserver.Start")
	}
	return s.running, nil
}

// Stop ends the server and removes its folder. A server that we did not start
// loses only the templates we made in it.
func (s *Server) Stop(ctx context.Context) error {
	if s.folder == "" {
		return s.dropTemplates(ctx)
	}
	var err error
	if s.running != nil {
		err = s.Halt()
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// Halt ends the server as an administrator would: clients are told so and cut
// off, data stays. [Server.Launch] starts it again.
func (s *Server) Halt() error {
	p, err := s.owned()
	if err != nil {
		return err
	}
	if err := s.Resume(); err != nil {
		return err
	}
	return p.stop(syscall.SIGINT)
}

// Crash ends the server as a crash would: nobody is told anything.
func (s *Server) Crash() error {
	p, err := s.owned()
	if err != nil {
		return err
	}
	return p.stop(syscall.SIGQUIT)
}

// Launch starts the server again, at the same address.
func (s *Server) Launch(ctx context.Context) error {
	if _, err := s.owned(); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Restart is Halt and Launch.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Halt(); err != nil {
		return err
	}
	return s.Launch(ctx)
}

// Pause freezes the server: connections stay open and nothing answers.
func (s *Server) Pause() error {
	p, err := s.owned()
	if err != nil {
		return err
	}
	// The parent first, so that it makes no more children.
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze PostgreSQL: %w", err)
	}
	return s.signalChildren(syscall.SIGSTOP)
}

// Resume ends a Pause; without one it does nothing.
func (s *Server) Resume() error {
	p, err := s.owned()
	if err != nil {
		return err
	}
	if err := s.signalChildren(syscall.SIGCONT); err != nil {
		return err
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may have ended
	return nil
}

func (s *Server) signalChildren(signal syscall.Signal) error {
	all, err := children(s.running.cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("children of PostgreSQL: %w", err)
	}
	for _, pid := range all {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal PostgreSQL: %w", err)
		}
	}
	return nil
}

// MakeStandby restarts the server as a standby: it answers what is read and
// accepts nothing that is written.
func (s *Server) MakeStandby(ctx context.Context) error {
	if err := s.Halt(); err != nil {
		return err
	}
	if err := os.WriteFile(s.standby(), nil, 0o600); err != nil {
		return err
	}
	if s.as != nil {
		if err := os.Chown(s.standby(), int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	return s.Launch(ctx)
}

// MakePrimary ends MakeStandby, by promotion.
func (s *Server) MakePrimary(ctx context.Context) error {
	return s.Exec(ctx, "SELECT pg_promote()")
}

func (s *Server) standby() string { return filepath.Join(s.data(), "standby.signal") }
