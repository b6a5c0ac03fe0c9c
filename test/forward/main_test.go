package forward

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"credence/management/client"
	"credence/store/credential"
	"credence/test/harness"
)

var (
	binary string // the program under test
	shared *world // for tests that break nothing in it
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "forward:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "credence-forward-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if binary, err = harness.Build(ctx, folder); err != nil {
		return 1, err
	}
	home := filepath.Join(folder, "shared")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 1, err
	}
	if shared, err = deploy(ctx, home); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	return m.Run(), nil
}

// world is Credence, an upstream that shows what reached it, and one proxy of
// each kind between them.
type world struct {
	credence *harness.Credence
	echo     *harness.Echo
	api      *client.Client
	proxies  []*proxy
	closers  []func() error
}

// deploy starts a world with its files in home. The policies are those of the
// examples. More flags of credence may follow.
func deploy(ctx context.Context, home string, more ...string) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.echo, err = harness.StartEcho(ctx, harness.AnyPort()); err != nil {
		return w, err
	}
	w.closers = append(w.closers, w.echo.Close)
	policies, err := example("policies.yaml")
	if err != nil {
		return w, err
	}
	w.credence, err = harness.StartCredence(ctx, binary, home, append([]string{
		"--forward-addr", "127.0.0.1:0", "--forward-policies", policies, "--client-source", "header:x-client-ip",
		"--key-sources", "header:x-api-key,bearer,query:api_key", "--log-level", "debug", "--log-checks", "--feed-poll", "200ms",
	}, more...)...)
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, w.credence.Close)
	if w.api, err = connect(w.credence); err != nil {
		return w, err
	}
	w.closers = append(w.closers, func() error { w.api.Close(); return nil })
	for name, start := range map[string]starter{"envoy": startEnvoy, "nginx": startNginx, "caddy": startCaddy} {
		place := filepath.Join(home, name)
		if err := os.MkdirAll(place, 0o700); err != nil {
			return w, err
		}
		p, err := start(ctx, place, w.credence.Forward, w.echo.Address.String())
		if err != nil {
			return w, err
		}
		w.proxies = append(w.proxies, p)
		w.closers = append(w.closers, p.close)
	}
	return w, nil
}

// Close stops what was started, in reverse.
func (w *world) Close() error {
	var err error
	for _, shut := range slices.Backward(w.closers) {
		err = errors.Join(err, shut())
	}
	return err
}

// each runs the test on every proxy.
func (w *world) each(t *testing.T, test func(t *testing.T, p *proxy)) {
	t.Helper()
	for _, p := range w.proxies {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
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

// newKey makes a key over the API and answers its text and id. change may say
// more of it than its name.
func (w *world) newKey(t *testing.T, change func(*client.KeyCreate)) (text, id string) {
	t.Helper()
	in := client.KeyCreate{Name: "forward"}
	if change != nil {
		change(&in)
	}
	made, err := w.api.KeyCreate(t.Context(), client.KeyCreateInput{Body: in})
	if err != nil {
		t.Fatalf("create a key: %v", err)
	}
	return made.KeyText.Reveal(), made.Key.KeyID
}
