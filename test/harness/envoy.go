package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// defaultEnvoy is the version that `make tools` installs; ENVOY_VERSION picks
// another one of .tools/, ENVOY_BIN any binary.
const defaultEnvoy = "1.40.0"

// EnvoyBinary finds Envoy.
func EnvoyBinary() (string, error) {
	if path := os.Getenv("ENVOY_BIN"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("ENVOY_BIN: %w: unset it and run `make tools`, or let it name an Envoy binary", err)
		}
		return path, nil
	}
	version := os.Getenv("ENVOY_VERSION")
	if version == "" {
		version = defaultEnvoy
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".tools", "envoy-"+version)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no Envoy %s: run `make tools`, or set ENVOY_BIN to an Envoy binary: %w", version, err)
	}
	return path, nil
}

// EnvoyVersion asks the binary for its version line.
func EnvoyVersion(ctx context.Context) (string, error) {
	binary, err := EnvoyBinary()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	_, version, _ := strings.Cut(string(out), "version: ") // after the path of the binary
	return "envoy " + strings.TrimSpace(version), nil
}

// Validate lets Envoy check a configuration file without opening a socket.
// The error holds what Envoy said.
func Validate(ctx context.Context, path string) error {
	binary, err := EnvoyBinary()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, binary, "--mode", "validate", "-l", "warning", "-c", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("envoy --mode validate -c %s: %w\n%s", path, err, out)
	}
	return nil
}

// Envoy is a running Envoy.
type Envoy struct {
	*Process

	Address   string // host:port of the listener that clients use
	AccessLog *AccessLog

	admin string
	log   string
}

// Setup says what an Envoy is started with.
type Setup struct {
	Config    string        // file
	AccessLog string        // the file that the configuration names; "" for none that is read
	Listener  string        // name of the listener that clients use
	Drain     time.Duration // how long old connections are asked to go before they are ended; 0 is a second
}

// StartEnvoy runs Envoy on the configuration, with its files in folder, and
// waits until it serves. The configuration must have been wired.
func StartEnvoy(ctx context.Context, folder string, c *Config) (*Envoy, error) {
	config := filepath.Join(folder, "envoy.json")
	if err := c.Write(config); err != nil {
		return nil, err
	}
	access, err := c.Get(HCMPlace + "/access_log/envoy.access_loggers.file/typed_config/path")
	if err != nil {
		return nil, err
	}
	return StartEnvoyWith(ctx, folder, Setup{Config: config, AccessLog: fmt.Sprint(access), Listener: "gateway"})
}

// StartEnvoyWith is [StartEnvoy] for a configuration of any shape, say one
// that has its listeners from an xDS server.
func StartEnvoyWith(ctx context.Context, folder string, setup Setup) (*Envoy, error) {
	binary, err := EnvoyBinary()
	if err != nil {
		return nil, err
	}
	adminFile := filepath.Join(folder, "admin.txt")
	e := &Envoy{log: filepath.Join(folder, "envoy.log"), AccessLog: &AccessLog{path: setup.AccessLog}}
	if err := os.Remove(adminFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("start Envoy: %w", err)
	}
	drain := max(1, int(setup.Drain.Seconds()))
	// One worker: one connection pool, so that counts are exact. No hot
	// restart: no shared memory, so any number of Envoys can run.
	e.Process, err = start("envoy", exec.Command(binary, //nolint:noctx // Stop ends it
		"-c", setup.Config, "--admin-address-path", adminFile, "--log-path", e.log, "-l", "warning",
		"--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50",
		"--drain-time-s", strconv.Itoa(drain), "--drain-strategy", "immediate", "--parent-shutdown-time-s", strconv.Itoa(drain+1)))
	if err != nil {
		return nil, err
	}
	if err := e.ready(ctx, adminFile, setup.Listener); err != nil {
		e.Kill()
		return nil, fmt.Errorf("%w\n%s", err, tail(e.log))
	}
	return e, nil
}

// ready waits until Envoy is live and says where it listens.
func (e *Envoy) ready(ctx context.Context, adminFile, listener string) error {
	err := e.await(ctx, "Envoy's admin interface", func() error {
		text, err := os.ReadFile(adminFile)
		if err != nil {
			return err
		}
		if e.admin = strings.TrimSpace(string(text)); e.admin == "" {
			return errors.New("admin address not written yet")
		}
		body, err := e.get(ctx, "/ready")
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(body)) != "LIVE" {
			return fmt.Errorf("/ready says %q", body)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.await(ctx, "Envoy's listener", func() error {
		e.Address, err = e.listener(ctx, listener)
		return err
	})
}

// Close stops Envoy.
func (e *Envoy) Close() error { return e.Stop(10 * time.Second) }
