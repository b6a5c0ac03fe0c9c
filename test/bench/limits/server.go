package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// server is a Redis with a port of its own, which it keeps when it starts anew.
type server struct {
	port     int
	folder   string
	more     []string
	sentinel string // file of its configuration, if it is one
	cmd      *exec.Cmd
}

// launch starts it, empty, and waits until it accepts connections.
func (s *server) launch(ctx context.Context) error {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("redis-server is not installed; run `make tools`, or on Debian and Ubuntu: apt-get install redis-server")
	}
	if s.port == 0 {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.folder,
		"--save", "", "--appendonly", "no", "--loglevel", "warning",
	}, s.more...)
	if s.sentinel != "" {
		args = []string{s.sentinel, "--sentinel", "--loglevel", "warning"}
	}
	s.cmd = exec.CommandContext(ctx, program, args...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	for range 1000 {
		if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address()); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.Join(fmt.Errorf("redis-server does not listen on %s", s.address()), s.kill())
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// kill ends it as a crash would.
func (s *server) kill() error {
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it says that it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (s *server) freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

func (s *server) thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// freePort answers a port that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
