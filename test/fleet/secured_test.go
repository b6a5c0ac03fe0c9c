package fleet

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"credence/test/authority"
	"credence/test/harness"
)

const (
	callSecret   = "call-secret-0123456789abcdefghijklmnop"
	formerSecret = "former-call-secret-0123456789abcdefgh"
)

// hop is the way from a proxy to the data plane, with everything that can
// secure it: mutual TLS, the proxy's name, and the call secret.
type hop struct {
	d       *deployment
	signs   *authority.Authority
	folder  string // of the server's files
	secrets string // file of the call secrets
}

func newHop(t *testing.T) *hop {
	t.Helper()
	h := &hop{d: prepare(t), signs: authority.New(t, time.Now()), folder: t.TempDir()}
	h.secrets = filepath.Join(h.folder, "call.secrets")
	h.signs.Server(t, time.Now(), "credence").Files(t, h.folder, "server")
	if err := os.WriteFile(h.secrets, []byte(callSecret+"\n"+formerSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hop) replica(flags ...string) *harness.Credence {
	h.d.t.Helper()
	return h.d.replica("127.0.0.1:0", append([]string{
		"--check-tls-cert", filepath.Join(h.folder, "server.pem"), "--check-tls-key", filepath.Join(h.folder, "server.key"),
		"--check-tls-client-ca", h.signs.File, "--check-tls-client-names", "spiffe://test/envoy",
		"--call-secret-file", h.secrets,
	}, flags...)...)
}

// proxy changes the configuration as envoy/README.md says, with files and a
// secret of this test in place of those that stand there.
func (h *hop) proxy(shows authority.Issued, secret string) func(*harness.Config) error {
	h.d.t.Helper()
	certFile, keyFile := shows.Files(h.d.t, h.d.t.TempDir(), "envoy")
	_, after, found := strings.Cut(repositoryFile(h.d.t, "envoy/README.md"), "```yaml\n# clusters > credence\n")
	snippet, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		h.d.t.Fatal("envoy/README.md does not say how to secure the way to Credence")
	}
	for stands, ours := range map[string]string{
		"/etc/envoy/tls/tls.crt": certFile, "/etc/envoy/tls/tls.key": keyFile, "/etc/envoy/tls/ca.crt": h.signs.File,
		"CALL_SECRET": secret,
	} {
		if strings.Count(snippet, stands) != 1 {
			h.d.t.Fatalf("%s stands %d times in the example of envoy/README.md, want once", stands, strings.Count(snippet, stands))
		}
		snippet = strings.Replace(snippet, stands, ours, 1)
	}
	var says map[string]any
	if err := yaml.Unmarshal([]byte(snippet), &says); err != nil {
		h.d.t.Fatal(err)
	}
	return func(c *harness.Config) error {
		return errors.Join(
			c.Add(harness.CredencePlace+"/transport_socket", says["transport_socket"]),
			c.Add(harness.ExtAuthzPlace+"/grpc_service/initial_metadata", says["initial_metadata"]),
		)
	}
}

// The certificate of the servers is exchanged while Envoy's connections end
// and begin all the time.
func TestASecuredHopWorksUnderLoadWhileItsCertificateIsExchanged(t *testing.T) {
	h := newHop(t)
	_, file := h.d.newKey(h.d.management())
	r := h.replica("--max-connection-age", "200ms")
	g := startGateway(t, []*harness.Credence{r}, h.proxy(h.signs.Client(t, time.Now(), "envoy"), callSecret))
	g.healthy(true)
	l := g.load(keyText(t, file))
	busy(t, r)
	h.signs.Server(t, time.Now(), "credence").Files(t, h.folder, "server")
	atLeast(t, r, "credence_tls_reloads_total", 1)
	before := g.connections()
	err := harness.Until(t.Context(), harness.Patience, "new connections", func() error {
		if g.connections() < before+5 {
			return errors.New("too few")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.unseen()
}

// Envoys that do not know the secret, or show another certificate: closed, and
// the data plane says why.
func TestProxiesThatCannotProveThemselvesAreNotAnswered(t *testing.T) {
	h := newHop(t)
	_, file := h.d.newKey(h.d.management())
	key := keyText(t, file)
	r := h.replica()
	replicas := []*harness.Credence{r}
	envoy, other := h.signs.Client(t, time.Now(), "envoy"), h.signs.Client(t, time.Now(), "other")

	former := startGateway(t, replicas, h.proxy(envoy, formerSecret))
	former.healthy(true)
	if status, err := former.get(http.DefaultClient, key); status != http.StatusOK || err != nil {
		t.Errorf("the secret that still counts: %d, %v", status, err)
	}
	wrong := startGateway(t, replicas, h.proxy(envoy, "wrong-"+callSecret))
	wrong.healthy(true) // health is open to everybody who can connect
	if status, err := wrong.get(http.DefaultClient, key); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("a wrong secret: %d, %v", status, err)
	}
	if n := wrong.errors(); n != 1 {
		t.Errorf("a wrong secret: Envoy has counted %d errors, want 1", n)
	}
	atLeast(t, r, "credence_check_refused_calls_total", 1)
	misnamed := startGateway(t, replicas, h.proxy(other, callSecret))
	misnamed.healthy(false)
	if status, err := misnamed.get(http.DefaultClient, key); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("another name: %d, %v", status, err)
	}
	atLeast(t, r, "credence_check_tls_refused_total", 1)
	if n, err := metric(t, r, "credence_checks_total"); n != 1 || err != nil {
		t.Errorf("%d Checks were decided, want the one of the proxy with the former secret; %v", n, err)
	}
	log, err := r.Log()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"calls refused", "tls handshakes refused", "none of the names"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	for _, secret := range []string{callSecret, formerSecret} {
		if strings.Contains(string(log), secret) {
			t.Error("the log shows a secret")
		}
	}
}
