package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Build compiles the credence binary into folder and answers its path.
func Build(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "credence")
	return binary, BuildPackage(ctx, ".", binary)
}

// BuildPackage compiles a command of this repository, named from its root. A
// program under the race detector gets one that is under it too.
func BuildPackage(ctx context.Context, folder, binary string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	args := []string{"build", "-o", binary}
	if raceDetector { // as in the Makefile, so that nothing is compiled twice
		args = append(args, "-race", "-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false")
	}
	build := exec.CommandContext(ctx, "go", append(args, folder)...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", folder, err, out)
	}
	return nil
}

// Credence is a running process of ours: `credence serve`, or one plane.
type Credence struct {
	*Process

	DataDir string
	Check   netip.AddrPort // where Envoy sends its Checks; invalid without a data plane
	Forward string         // host:port of forward-auth; "" without that listener
	Status  string         // host:port of health and metrics
	API     string         // host:port of the management API; "" without a control plane

	command string
	binary  string
	log     string
}

// StartCredence runs `credence serve` with its data in folder/data and free
// ports, and waits until it is ready. More flags may follow; a later flag wins.
func StartCredence(ctx context.Context, binary, folder string, flags ...string) (*Credence, error) {
	return StartPlane(ctx, binary, folder, "serve", append([]string{
		"--check-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0",
	}, flags...)...)
}

// StartPlane runs a command of credence that serves (serve, extauthz,
// management) with its data in folder/data, and waits until it is ready. Which
// ports it gets is the flags' to say; the status port is a free one.
func StartPlane(ctx context.Context, binary, folder, command string, flags ...string) (*Credence, error) {
	c := &Credence{
		DataDir: filepath.Join(folder, "data"), command: "credence " + command, binary: binary,
		log: filepath.Join(folder, "credence.log"),
	}
	addresses := filepath.Join(c.DataDir, "addresses.json")
	if err := os.Remove(addresses); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("start %s: %w", c.command, err)
	}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.command, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	args := append([]string{command, "--data-dir", c.DataDir, "--status-addr", "127.0.0.1:0"}, flags...)
	serve := exec.Command(binary, args...) //nolint:noctx // Stop ends it
	serve.Stdout, serve.Stderr = log, log
	serve.Env = environment()
	if c.Process, err = start(c.command, serve); err != nil {
		return nil, err
	}
	if err := c.ready(ctx, addresses); err != nil {
		c.Kill()
		return nil, fmt.Errorf("%w\n%s", err, tail(c.log))
	}
	return c, nil
}

// ready waits for the addresses, then for the first snapshot.
func (c *Credence) ready(ctx context.Context, addresses string) error {
	return c.await(ctx, c.command, func() error {
		text, err := os.ReadFile(addresses)
		if err != nil {
			return err
		}
		var at struct {
			Check   string `json:"check"`
			Forward string `json:"forward"`
			Status  string `json:"status"`
			API     string `json:"api"`
		}
		if err := json.Unmarshal(text, &at); err != nil {
			return fmt.Errorf("addresses.json: %w", err)
		}
		if at.Check != "" && !strings.HasPrefix(at.Check, "unix:") {
			if c.Check, err = netip.ParseAddrPort(at.Check); err != nil {
				return fmt.Errorf("addresses.json: check: %w", err)
			}
		}
		c.Forward, c.Status, c.API = at.Forward, at.Status, at.API
		_, err = get(ctx, "http://"+c.Status+"/readyz")
		return err
	})
}

// Log is everything the process has written.
func (c *Credence) Log() ([]byte, error) {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return nil, fmt.Errorf("read the log of credence: %w", err)
	}
	return text, nil
}

// Close stops the process as an operator would.
func (c *Credence) Close() error { return c.Stop(15 * time.Second) }

// CommandError is a command of the CLI that did not succeed.
type CommandError struct {
	Args   []string
	Code   int
	Stderr string
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("credence %s: exit code %d: %s", strings.Join(e.Args, " "), e.Code, e.Stderr)
}

// CLI runs a command of the same binary against this server, as a person
// would, and answers what it printed. A command that exits with another code
// than 0 is a [CommandError].
func (c *Credence) CLI(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Env = append(environment(), "CREDENCE_DATA_DIR="+c.DataDir)
	cmd.Stdin = stdin
	return runCommand(cmd, args)
}

// Run runs a command of the binary by itself and answers what it printed. A
// command that exits with another code than 0 is a [CommandError].
func Run(ctx context.Context, binary string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = environment()
	return runCommand(cmd, args)
}

func runCommand(cmd *exec.Cmd, args []string) (string, error) {
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), &CommandError{Args: args, Code: exit.ExitCode(), Stderr: strings.TrimSpace(problems.String())}
	}
	if err != nil {
		return "", fmt.Errorf("credence %s: %w", strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// environment is ours without what would configure credence.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CREDENCE_") {
			kept = append(kept, pair)
		}
	}
	return kept
}
