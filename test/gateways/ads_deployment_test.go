package gateways

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/test/ads"
	"credence/test/authority"
	"credence/test/harness"
)

// served is a gateway whose Envoy has everything from an xDS server, and what
// a test has to know of it.
type served struct {
	resources func(*testing.T) *ads.Resources // read anew each time
	listener  string
	checks    []string // clusters that lead to Credence
	upstreams []string // clusters that lead to the upstream
	secured   bool     // mutual TLS between Envoy and Credence
}

// deployment is Credence, an upstream, and an Envoy on a served gateway.
type deployment struct {
	t        *testing.T
	kind     served
	folder   string
	signs    *authority.Authority // nil when nothing is secured
	credence *harness.Credence
	echo     *harness.Echo
	xds      *ads.Server
	rewired  *ads.Resources
	envoy    *harness.Envoy
}

// drain is how long Envoy asks connections of an old configuration to go.
const drain = 5 * time.Second

// deploy starts all parts.
func deploy(t *testing.T, kind served) *deployment {
	t.Helper()
	d := prepare(t, kind)
	d.startCredence()
	t.Cleanup(func() {
		if err := d.credence.Close(); err != nil {
			t.Error(err)
		}
	})
	d.startEnvoy(d.credence.Check)
	return d
}

// prepare starts nothing but the upstream.
func prepare(t *testing.T, kind served) *deployment {
	t.Helper()
	d := &deployment{t: t, kind: kind, folder: t.TempDir(), echo: startEcho(t)}
	if kind.secured {
		d.signs = newAuthority(t)
	}
	return d
}

func startEcho(t *testing.T) *harness.Echo {
	t.Helper()
	echo, err := harness.StartEcho(t.Context(), harness.AnyPort())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	return echo
}

// startCredence starts it with the flags that the shipped manifests give it.
func (d *deployment) startCredence(flags ...string) {
	d.t.Helper()
	flags = append([]string{"--client-source", "header:x-client-ip"}, flags...)
	if d.signs != nil {
		certificate, key := d.signs.Server(d.t, time.Now(), checkName).Files(d.t, d.t.TempDir(), "server")
		flags = append(flags, "--check-tls-cert", certificate, "--check-tls-key", key, "--check-tls-client-ca", d.signs.File)
	}
	var err error
	if d.credence, err = harness.StartCredence(d.t.Context(), binary, d.folder, flags...); err != nil {
		d.t.Fatal(err)
	}
}

// startEnvoy serves the gateway with checks going to the given place, and runs
// an Envoy with the shipped bootstrap on it.
func (d *deployment) startEnvoy(checks netip.AddrPort) {
	d.t.Helper()
	hosts := map[string]netip.AddrPort{}
	for _, cluster := range d.kind.checks {
		hosts[cluster] = checks
	}
	for _, cluster := range d.kind.upstreams {
		hosts[cluster] = d.echo.Address
	}
	d.rewired = d.kind.resources(d.t)
	accessLog := filepath.Join(d.folder, "access.log")
	if err := d.rewired.Rewire(ads.Wiring{Hosts: hosts, AccessLog: accessLog, Timeout: harness.Patience}); err != nil {
		d.t.Fatal(err)
	}
	if d.signs != nil {
		d.rewired.Secrets = append(d.rewired.Secrets, secrets(d.t, d.signs)...)
	}
	var err error
	if d.xds, err = ads.Start(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.xds.Close)
	d.serve()
	d.envoy, err = harness.StartEnvoyWith(d.t.Context(), d.folder, harness.Setup{
		Config: d.bootstrap(), AccessLog: accessLog, Listener: d.kind.listener, Drain: drain,
	})
	if err != nil {
		d.t.Fatalf("%v\nwhat Envoy refused: %v", err, d.xds.Refused())
	}
	d.t.Cleanup(func() {
		if err := d.envoy.Close(); err != nil {
			d.t.Error(err)
		}
	})
	d.healthy(true)
}

// serve serves the resources as they are now; Envoy must not refuse any.
func (d *deployment) serve() {
	d.t.Helper()
	if err := d.xds.Serve(d.t.Context(), d.rewired); err != nil {
		d.t.Fatal(err)
	}
}

// bootstrap is envoy/xds/bootstrap.yaml with the addresses of this test.
func (d *deployment) bootstrap() string {
	d.t.Helper()
	config, err := harness.ReadConfig(shipped(d.t, "xds/bootstrap.yaml"))
	if err != nil {
		d.t.Fatal(err)
	}
	const server = "static_resources/clusters/xds/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address"
	for place, value := range map[string]any{
		"admin/address/socket_address/port_value": 0,
		server + "/port_value":                    int(d.xds.Address.Port()),
	} {
		if err := config.Set(place, value); err != nil {
			d.t.Fatal(err)
		}
	}
	path := filepath.Join(d.folder, "bootstrap.json")
	if err := config.Write(path); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// healthy waits until Envoy finds Credence healthy on every way, or on none,
// and demands that it has refused no resource.
func (d *deployment) healthy(yes bool) {
	d.t.Helper()
	for _, cluster := range d.kind.checks {
		if err := d.envoy.AwaitHealthy(d.t.Context(), cluster, yes); err != nil {
			d.t.Fatalf("%v\nwhat Envoy refused: %v", err, d.xds.Refused())
		}
	}
	if err := d.xds.Refused(); err != nil {
		d.t.Fatal(err)
	}
}

// shipped is the path of a file in envoy/.
func shipped(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "envoy", filepath.FromSlash(name))
}

// get sends a GET with header lines exactly as they are given.
func (d *deployment) get(t *testing.T, path string, headers ...[2]string) *harness.Reply {
	t.Helper()
	r, err := harness.Visit{To: d.envoy.Address, Path: path, Headers: headers}.Make(t.Context())
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return r
}

// wantStatus sends a GET and demands the status.
func (d *deployment) wantStatus(t *testing.T, want int, path string, headers ...[2]string) *harness.Reply {
	t.Helper()
	r := d.get(t, path, headers...)
	if r.Status != want {
		t.Fatalf("GET %s: status %d, want %d; body %q", path, r.Status, want, r.Body)
	}
	return r
}

// echoed sends a GET that must reach the upstream.
func (d *deployment) echoed(t *testing.T, path string, headers ...[2]string) *harness.Echoed {
	t.Helper()
	e, err := d.get(t, path, headers...).Echoed()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// key is a key and its text.
type key struct{ id, text string }

// header is the key where callers usually put it.
func (k key) header() [2]string { return [2]string{"x-api-key", k.text} }

// newKey makes a key on the command line.
func (d *deployment) newKey(t *testing.T, flags ...string) key {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.txt")
	out := d.cli(t, append([]string{"keys", "create", "--name", "gateways", "--key-file", file}, flags...)...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "key" && fields[1] == "id" {
			return key{id: fields[2], text: strings.TrimSpace(string(text))}
		}
	}
	t.Fatalf("no key id in %q", out)
	return key{}
}

func (d *deployment) cli(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.credence.CLI(t.Context(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
