package gateways

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"credence/test/authority"
	"credence/test/harness"
)

// node runs the containers of a deployment as processes of this machine: their
// own arguments, with folders for mounts and free ports for fixed ones.
type node struct {
	t       *testing.T
	objects *objects
	signs   *authority.Authority
	mounts  map[string]string // volume source (Secret's name, or "data") > folder
	stores  map[string]string // Secret's name > address of the database
}

// newNode makes the Secrets as envoy/kubernetes/README.md says.
func newNode(t *testing.T, o *objects) *node {
	t.Helper()
	n := &node{t: t, objects: o, signs: authority.New(t, time.Now()), mounts: map[string]string{}, stores: map[string]string{}}
	made := t.TempDir()
	if _, err := harness.Run(t.Context(), binary, "secrets", "init", "--out", made); err != nil {
		t.Fatal(err)
	}
	n.secret("credence-secrets", "secrets.json", made)
	n.secret("credence-keyset", "keyset.json", made)
	for secret, host := range map[string]string{"credence-check-tls": "credence-extauthz", "credence-api-tls": "credence-management"} {
		issued := t.TempDir()
		certFile, keyFile := n.signs.Server(t, time.Now(), host).Files(t, issued, "tls")
		for from, to := range map[string]string{certFile: "tls.crt", keyFile: "tls.key", n.signs.File: "ca.crt"} {
			content, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			n.put(secret, to, content)
		}
	}
	n.stores["credence-store-owner"] = server.Database(t)
	return n
}

func (n *node) secret(name, key, folder string) {
	n.t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, key))
	if err != nil {
		n.t.Fatal(err)
	}
	n.put(name, key, content)
}

// put writes a key of a Secret as the kubelet does with defaultMode 0440.
func (n *node) put(name, key string, content []byte) {
	n.t.Helper()
	folder, ok := n.mounts[name]
	if !ok {
		folder = n.t.TempDir()
		n.mounts[name] = folder
	}
	authority.Write(n.t, filepath.Join(folder, key), content, 0o440)
}

// arguments are the container's, on this machine.
func (n *node) arguments(name string) []string {
	n.t.Helper()
	pod := n.objects.podOf(n.t, name).Spec
	var args []string
	for _, a := range pod.Containers[0].Args {
		args = append(args, n.here(pod, a))
	}
	for _, e := range pod.Containers[0].Env {
		if e.Name == "CREDENCE_STORE" {
			store, ok := n.stores[e.ValueFrom.SecretKeyRef.Name]
			if !ok {
				n.t.Fatalf("%s: no Secret %s", name, e.ValueFrom.SecretKeyRef.Name)
			}
			args = append(args, "--store="+store)
		}
	}
	return args
}

// here is an argument with the paths and ports of this machine.
func (n *node) here(pod corev1.PodSpec, argument string) string {
	argument = regexp.MustCompile(`0\.0\.0\.0:\d+`).ReplaceAllString(argument, "127.0.0.1:0")
	for _, m := range pod.Containers[0].VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name != m.Name {
				continue
			}
			folder := n.t.TempDir()
			if v.Secret != nil {
				folder = n.mounts[v.Secret.SecretName]
			}
			flag, path, _ := strings.Cut(argument, "=")
			if rest, ok := strings.CutPrefix(path, m.MountPath); ok {
				return flag + "=" + folder + rest
			}
		}
	}
	return argument
}

// start runs a Deployment's container and asks its probes as the kubelet does.
func (n *node) start(name string) *harness.Credence {
	n.t.Helper()
	var args []string
	for _, a := range n.arguments(name) {
		if !strings.HasPrefix(a, "--data-dir=") && !strings.HasPrefix(a, "--status-addr=") { // StartPlane's own
			args = append(args, a)
		}
	}
	c, err := harness.StartPlane(n.t.Context(), binary, n.t.TempDir(), args[0], args[1:]...)
	if err != nil {
		n.t.Fatalf("%s: %v", name, err)
	}
	n.t.Cleanup(func() {
		if err := c.Stop(time.Minute); err != nil { // it drains first
			n.t.Error(err)
		}
	})
	container := n.objects.podOf(n.t, name).Spec.Containers[0]
	for _, p := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		n.probe(c, p.HTTPGet.Path)
	}
	return c
}

func (n *node) probe(c *harness.Credence, path string) {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, "http://"+c.Status+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is read
	if response.StatusCode != http.StatusOK {
		n.t.Errorf("probe %s: %s", path, response.Status)
	}
}

// bootstrap runs what the README has an operator run inside a pod of the
// control plane.
func (n *node) bootstrap(text string) string {
	n.t.Helper()
	found := regexp.MustCompile(`exec deploy/\S+ -- /usr/local/bin/credence (tokens bootstrap [^>\n]*) > admin\.token`).FindStringSubmatch(text)
	if len(found) != 2 {
		n.t.Fatal("nothing says how to make the first admin token")
	}
	args := strings.Fields(found[1])
	for i, a := range args {
		if dir, file := filepath.Split(a); dir == "/secrets/" || dir == "/keyset/" {
			args[i] = filepath.Join(n.mounts["credence-"+strings.Trim(dir, "/")], file)
		}
	}
	token, err := harness.Run(n.t.Context(), binary, append(args, "--store="+n.stores["credence-store-owner"])...)
	if err != nil {
		n.t.Fatal(err)
	}
	path := filepath.Join(n.t.TempDir(), "admin.token")
	authority.Write(n.t, path, []byte(token), 0o600)
	return path
}

// deployed brings a deployment up in the order of the README, makes a key and
// has it checked by each replica.
func deployed(t *testing.T, o *objects, scheme string) {
	t.Helper()
	n := newNode(t, o)
	for range 2 { // applied again, the Job runs again
		if _, err := harness.Run(t.Context(), binary, n.arguments("credence-migrate")...); err != nil {
			t.Fatal(err)
		}
	}
	n.stores["credence-store-data"] = server.Login(t, n.stores["credence-store-owner"], "credence_data")
	management := n.start("credence-management")
	replicas := []*harness.Credence{n.start("credence-extauthz"), n.start("credence-extauthz")}
	token := n.bootstrap(repositoryFile(t, "envoy/kubernetes/README.md"))

	envoyCert, envoyKey := n.signs.Client(t, time.Now(), "envoy").Files(t, t.TempDir(), "envoy")
	api, check := []string{}, []string{}
	if scheme == "https" {
		api = []string{"--tls-ca", n.signs.File, "--tls-server-name", "credence-management"}
		check = []string{"--tls-ca", n.signs.File, "--tls-server-name", "credence-extauthz", "--tls-cert", envoyCert, "--tls-key", envoyKey}
	}
	key := filepath.Join(t.TempDir(), "key.txt")
	host := strings.TrimPrefix(management.API, "https://") // the announced address says when it has TLS
	create := []string{"keys", "create", "--name", "first", "--key-file", key, "--server", scheme + "://" + host, "--token-file", token}
	if _, err := harness.Run(t.Context(), binary, append(create, api...)...); err != nil {
		t.Fatal(err)
	}
	for _, r := range replicas {
		args := []string{"check", "--addr", r.Check.String(), "--key-file", key, "--header", "x-client-ip: 192.0.2.1"}
		if _, err := harness.Run(t.Context(), binary, append(args, check...)...); err != nil {
			t.Error(err)
		}
		if scheme == "https" {
			if _, err := harness.Run(t.Context(), binary, append(args, check[:4]...)...); err == nil {
				t.Error("a caller without a certificate was answered")
			}
		}
	}
}

func TestManifestsMakeADeploymentThatWorks(t *testing.T) { deployed(t, manifests(t), "https") }

func TestMeshMakesADeploymentThatWorks(t *testing.T) { deployed(t, overlay(t), "http") }

// Everything an operator might set is something the processes start with.
func TestChartWithEveryValueSetMakesProcessesThatStart(t *testing.T) {
	n := newNode(t, chart(t, "production"))
	n.put("credence-call", "call.secrets", []byte("call-secret-0123456789abcdefghijklmnop\n"))
	n.put("credence-oidc", "oidc.yaml", []byte(`issuers:
  - name: corp
    url: http://127.0.0.1:9
    audiences: [credence]
    rules: [{match: {groups: admins}, role: admin, namespaces: ["*"]}]
`))
	if _, err := harness.Run(t.Context(), binary, n.arguments("credence-migrate")...); err != nil {
		t.Fatal(err)
	}
	n.stores["credence-store-data"] = server.Login(t, n.stores["credence-store-owner"], "credence_data")
	n.start("credence-management")
	n.start("credence-extauthz")
}
