// Package e2e_test proves from a client's side what Credence promises: a real
// Envoy with the shipped configuration, the real `credence serve`, and an echo
// upstream that shows every byte of the headers that reached it.
//
// One set of the three is shared by all tests; a test makes its own keys and
// uses paths of its own, so tests do not see each other. A test that breaks or
// changes a part starts its own. Each file is a family of guarantees.
package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"credence/management/client"
	"credence/store/credential"
	"credence/test/harness"
)

// binary is the credence binary, built once.
var binary string

// shared is the deployment that tests use which change nothing in it.
var shared *deployment

// release is the Envoy under test.
var release harness.Release

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "credence-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	version, err := harness.EnvoyVersion(ctx)
	if err != nil {
		return 1, err
	}
	fmt.Fprintln(os.Stderr, version)
	if release, err = harness.EnvoyRelease(ctx); err != nil {
		return 1, err
	}
	if binary, err = harness.Build(ctx, folder); err != nil {
		return 1, err
	}
	home := filepath.Join(folder, "shared")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 1, err
	}
	shared, err = deploy(ctx, home, nil)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	return m.Run(), nil
}

// flags are what every server of these tests is started with: as much in the
// log as there can be (nothing secret may be in it), and keys in the query,
// which nobody gets unasked.
func flags() []string {
	return []string{
		"--log-level", "debug", "--log-checks", "--client-source", "header:x-client-ip",
		"--key-sources", "header:x-api-key,bearer,query:api_key", "--feed-poll", "200ms",
	}
}

// deployment is the three parts of one run.
type deployment struct {
	credence *harness.Credence
	echo     *harness.Echo
	envoy    *harness.Envoy
	api      *client.Client
	home     string
}

// deploy starts the three parts with their files in home. change may alter
// the shipped configuration; nil leaves it as it is.
// More flags for credence may follow; a later flag wins.
func deploy(ctx context.Context, home string, change func(*harness.Config) error, more ...string) (*deployment, error) {
	d := &deployment{home: home}
	var err error
	if d.echo, err = harness.StartEcho(ctx, harness.AnyPort()); err != nil {
		return nil, err
	}
	if d.credence, err = harness.StartCredence(ctx, binary, home, append(flags(), more...)...); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if d.api, err = connect(d.credence); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	// The namespace that a route of the shipped configuration names.
	partners := client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "partners"}}
	if _, err = d.api.NamespaceCreate(ctx, partners); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if d.envoy, err = startEnvoy(ctx, d.credence.Check, d.echo.Address, home, change); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close stops what was started, in reverse.
func (d *deployment) Close() error {
	var err error
	if d.envoy != nil {
		err = d.envoy.Close()
	}
	if d.api != nil {
		d.api.Close()
	}
	if d.credence != nil {
		err = errors.Join(err, d.credence.Close())
	}
	return errors.Join(err, d.echo.Close())
}

// connect makes a client of the management API with the first admin token.
func connect(c *harness.Credence) (*client.Client, error) {
	file, err := os.Open(filepath.Join(c.DataDir, "admin.token"))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	token, err := credential.ReadText(file)
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{Server: "http://" + c.API, Token: token})
}

// startEnvoy runs the shipped configuration between what answers Checks and an
// upstream.
func startEnvoy(ctx context.Context, check, upstream netip.AddrPort, home string, change func(*harness.Config) error) (*harness.Envoy, error) {
	config, err := harness.ShippedConfig()
	if err != nil {
		return nil, err
	}
	err = config.Wire(harness.Wiring{
		Gateway: harness.AnyPort(), Admin: harness.AnyPort(), Credence: check, Upstream: upstream,
		AccessLog: filepath.Join(home, "access.log"),
	})
	if err != nil {
		return nil, err
	}
	if err := patience(config, "5s"); err != nil {
		return nil, err
	}
	if change != nil {
		if err := change(config); err != nil {
			return nil, err
		}
	}
	envoy, err := harness.StartEnvoy(ctx, home, config)
	if err != nil {
		return nil, err
	}
	if err := envoy.AwaitHealthy(ctx, "credence", true); err != nil {
		return nil, errors.Join(err, envoy.Close())
	}
	return envoy, nil
}

// patience sets how long a Check may take. As shipped it is 0.25 s, which a
// machine that runs several things at once does not always keep; tests of
// outages, where the end of it matters, set a shorter one than the others.
func patience(c *harness.Config, timeout string) error {
	if err := c.Set(harness.CredencePlace+"/connect_timeout", timeout); err != nil {
		return err
	}
	return c.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", timeout)
}

// own starts a deployment for one test.
func own(t *testing.T, change func(*harness.Config) error, more ...string) *deployment {
	t.Helper()
	d, err := deploy(t.Context(), t.TempDir(), change, more...)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, d)
	return d
}

// gateway starts one more Envoy, with a changed configuration, in front of the
// shared credence and echo.
func gateway(t *testing.T, change func(*harness.Config) error) *deployment {
	t.Helper()
	d := *shared
	d.home = t.TempDir()
	d.envoy = envoyOf(t, d.credence.Check, d.echo.Address, d.home, change)
	return &d
}

// envoyOf starts an Envoy for one test.
func envoyOf(t *testing.T, check, upstream netip.AddrPort, home string, change func(*harness.Config) error) *harness.Envoy {
	t.Helper()
	envoy, err := startEnvoy(t.Context(), check, upstream, home, change)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, envoy)
	return envoy
}

func closeLater(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
