package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"credence/test/harness"
)

// tour are the lines of the README's quick tour, without their comments.
func tour(t *testing.T) []string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)## A quick tour\n.*?```\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("README.md has no quick tour any more")
	}
	var lines []string
	for line := range strings.Lines(string(block[1])) {
		line, _, _ = strings.Cut(line, "   #")
		lines = append(lines, strings.TrimSpace(line))
	}
	if len(lines) < 10 || !strings.HasPrefix(lines[0], "credence serve") {
		t.Fatalf("the quick tour is %q", lines)
	}
	return lines
}

// story is a person at a shell, in a folder that holds nothing.
type story struct {
	*testing.T

	folder string
	env    []string
	key    string // KEY_ID of the lines
}

func (s *story) shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(line, "KEY_ID", s.key))
	cmd.Dir, cmd.Env = s.folder, s.env
	return cmd
}

// run executes a line, which must end with exit code 0.
func (s *story) run(line string) string {
	s.Helper()
	out, err := s.shell(s.Context(), line).CombinedOutput()
	if err != nil {
		s.Fatalf("%s\n%v\n%s", line, err, out)
	}
	return string(out)
}

// serve executes the first line, which keeps running, on ports that are free.
func (s *story) serve(line string) {
	s.Helper()
	log, err := os.Create(filepath.Join(s.TempDir(), "log"))
	if err != nil {
		s.Fatal(err)
	}
	server := s.shell(s.Context(), "exec "+line)
	server.Stdout, server.Stderr = log, log
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	if err := server.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { // the context has ended, and with it the program
		if err := server.Wait(); err != nil && server.ProcessState.ExitCode() != 0 {
			text, _ := os.ReadFile(log.Name())
			s.Errorf("%s: %v\n%s", line, err, text)
		}
		_ = log.Close()
	})
	err = harness.Until(s.Context(), harness.Patience, line, func() error {
		return s.shell(s.Context(), "credence keys list").Run()
	})
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		s.Fatalf("%v\n%s", err, text)
	}
}

// TestTheTourOfTheReadmeIsAStoryThatHappens: its lines, one after the other, as
// they stand there. KEY_ID is what the README says that it is.
func TestTheTourOfTheReadmeIsAStoryThatHappens(t *testing.T) {
	binaries := t.TempDir()
	if _, err := harness.Build(t.Context(), binaries); err != nil {
		t.Fatal(err)
	}
	s := &story{T: t, folder: t.TempDir()}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CREDENCE_") && !strings.HasPrefix(v, "PATH=") {
			s.env = append(s.env, v)
		}
	}
	s.env = append(s.env, "PATH="+binaries+":"+os.Getenv("PATH"),
		"CREDENCE_CHECK_ADDR=127.0.0.1:0", "CREDENCE_API_ADDR=127.0.0.1:0", "CREDENCE_STATUS_ADDR=127.0.0.1:0")
	list := "# a list of networks\n198.51.100.0/25\n192.0.2.128/26\n"
	if err := os.WriteFile(filepath.Join(s.folder, "drop.txt"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := tour(t)
	s.serve(lines[0])
	shown := map[string]string{ // what a line must say, by its words
		"keys list": "orders", "credence check": "ok", "keys rotation": "", "blacklist import": "", "config print": "check_addr",
	}
	for _, line := range lines[1:] {
		out := s.run(line)
		for part, want := range shown {
			if strings.Contains(line, part) {
				if delete(shown, part); !strings.Contains(out, want) {
					t.Errorf("%s\nlacks %q:\n%s", line, want, out)
				}
			}
		}
		if strings.Contains(line, "keys list") {
			s.key = regexp.MustCompile(`(?m)^key_\w+`).FindString(out)
		}
		if strings.Contains(line, "--wait") && !strings.Contains(out, "complete") {
			t.Errorf("%s: no complete receipt:\n%s", line, out)
		}
	}
	if len(shown) > 0 {
		t.Errorf("lines that the tour does not have any more: %v", shown)
	}
	// The old key is refused, and its successor is let in.
	if out, err := s.shell(t.Context(), "credence check --key-file key.txt --method GET --path /orders").CombinedOutput(); err == nil {
		t.Errorf("the revoked key is let in:\n%s", out)
	}
	s.run("credence check --key-file new.txt --method GET --path /orders")
}
