package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"credence/test/harness"
)

// started is a running demo, started as make starts it.
type started struct {
	cmd      *exec.Cmd
	commands []string // the lines it printed to try
	folder   string   // where its files are
}

// startDemo builds and starts the demo with its files below a folder of the
// test, and reads what it prints.
func startDemo(t *testing.T) *started {
	t.Helper()
	folder := t.TempDir()
	binary := filepath.Join(t.TempDir(), "demo")
	if err := harness.BuildPackage(t.Context(), "./test/demo", binary); err != nil {
		t.Fatal(err)
	}
	s := &started{cmd: exec.Command(binary, "-gateway", "127.0.0.1:0", "-admin", "127.0.0.1:0"), folder: folder}
	s.cmd.Env = append(os.Environ(), "TMPDIR="+folder)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var problems strings.Builder
	s.cmd.Stderr = &problems
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if command, ok := strings.CutPrefix(lines.Text(), "    "); ok {
			s.commands = append(s.commands, command)
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			return s
		}
	}
	t.Fatalf("the demo ended before it had said everything: %v\n%s", s.cmd.Wait(), problems.String())
	return nil
}

// run executes a printed line in a shell, as a person would.
func (s *started) run(t *testing.T, part string) string {
	t.Helper()
	for i, line := range s.commands {
		if strings.Contains(line, part) {
			out, err := exec.CommandContext(t.Context(), "bash", "-c", line).CombinedOutput()
			if err != nil {
				t.Fatalf("%s\n%v\n%s", line, err, out)
			}
			s.commands = append(s.commands[:i:i], s.commands[i+1:]...)
			return string(out)
		}
	}
	t.Fatalf("the demo prints no (further) line with %q", part)
	return ""
}

// interrupt is Ctrl-C; the demo must end well and leave nothing behind.
func (s *started) interrupt(t *testing.T, with syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(with); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the demo ended with %v, want exit code 0", err)
		}
	case <-time.After(harness.Patience):
		t.Fatal("the demo did not end")
	}
	left, err := os.ReadDir(s.folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%d files or folders are left, %s first", len(left), left[0].Name())
	}
	if processes := mentioning(t, s.folder); len(processes) > 0 {
		t.Errorf("processes are left: %q", processes)
	}
}

// mentioning lists the command lines of processes that name the folder.
func mentioning(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no processes in /proc: nothing can be proven here")
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), folder) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

func TestEveryPrintedLineWorksAndNothingIsLeftBehind(t *testing.T) {
	s := startDemo(t)
	if len(mentioning(t, s.folder)) < 2 {
		t.Error("Envoy and credence do not mention the folder: the search for leftovers finds nothing")
	}
	if out := s.run(t, "curl -i -H"); !strings.Contains(out, "HTTP/1.1 200") || !strings.Contains(out, "x-credence-key-id") {
		t.Errorf("with the key:\n%s", out)
	}
	if out := s.run(t, "curl -i http"); !strings.Contains(out, "HTTP/1.1 401") {
		t.Errorf("without a key:\n%s", out)
	}
	if out := s.run(t, "seq 40"); !strings.Contains(out, " 200") || !strings.Contains(out, " 429") {
		t.Errorf("the loop:\n%s", out)
	}
	if out := s.run(t, "keys list"); !strings.Contains(out, "demo") {
		t.Errorf("keys list:\n%s", out)
	}
	s.run(t, "keys revoke")
	if out := s.run(t, "curl -i -H"); !strings.Contains(out, "HTTP/1.1 401") {
		t.Errorf("with the revoked key:\n%s", out)
	}
	if out := s.run(t, "tail"); !strings.Contains(out, `"decision"`) {
		t.Errorf("the access log:\n%s", out)
	}
	if len(s.commands) > 0 {
		t.Errorf("lines that nobody tried: %q", s.commands)
	}
	s.interrupt(t, syscall.SIGINT)
}

func TestTheDemoEndsWellAtSIGTERMToo(t *testing.T) {
	startDemo(t).interrupt(t, syscall.SIGTERM)
}

func TestATakenPortIsNamedBeforeAnythingStarts(t *testing.T) {
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", harness.AnyPort().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	t.Setenv("TMPDIR", t.TempDir())
	var out strings.Builder
	err = run(t.Context(), []string{"-gateway", listener.Addr().String()}, &out)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "port "+port) || !strings.Contains(err.Error(), "-gateway") {
		t.Errorf("run = %v, want an error that names port %s and the flag", err, port)
	}
	if out.Len() > 0 {
		t.Errorf("printed %q before it was clear that it cannot start", out.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAWrongFlagIsExplained(t *testing.T) {
	for _, args := range [][]string{{"-gateway", "10000"}, {"-gateway", "192.0.2.1:10000"}, {"-admin", "nowhere"}, {"more"}} {
		var out strings.Builder
		if err := run(t.Context(), args, &out); err == nil || !strings.Contains(err.Error(), args[len(args)-1]) {
			t.Errorf("run(%q) = %v, want an error that names the value", args, err)
		}
	}
}

// A person who presses Ctrl-C during the build wants to be rid of it.
func TestAnEarlyInterruptIsNoError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	var out interruptor = func() { cancel() }
	err := run(ctx, []string{"-gateway", "127.0.0.1:0", "-admin", "127.0.0.1:0"}, out)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// interruptor does something as soon as anything is printed.
type interruptor func()

func (i interruptor) Write(p []byte) (int, error) {
	i()
	return len(p), nil
}
