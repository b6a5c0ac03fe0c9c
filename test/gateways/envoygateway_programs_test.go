//go:build gateways

package gateways

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"credence/test/harness"
)

// cluster is what else egctl wants to see: what the shipped files refer to,
// with certificates of this run. Services have addresses, because egctl sends
// to those.
const cluster = `
apiVersion: v1
kind: Namespace
metadata: { name: credence }
---
apiVersion: v1
kind: Namespace
metadata: { name: envoy-gateway-system }
---
apiVersion: v1
kind: Service
metadata: { name: credence-extauthz, namespace: credence }
spec:
  clusterIP: 10.0.0.1
  ports: [{ name: grpc-check, port: 9001, appProtocol: grpc }]
---
apiVersion: v1
kind: Service
metadata: { name: upstream, namespace: edge }
spec:
  clusterIP: 10.0.0.2
  ports: [{ name: http, port: 8080 }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: credence-check-ca, namespace: credence }
data: { ca.crt: %q }
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: { name: credence-check-client, namespace: envoy-gateway-system }
data: { tls.crt: %s, tls.key: %s }
`

// translate is runEgctl that has to succeed.
func translate(t *testing.T, to string, change func(string) string) string {
	t.Helper()
	out, err := runEgctl(t, to, change)
	if err != nil {
		t.Fatalf("egctl: %v\n%s", err, out)
	}
	return out
}

// runEgctl translates the shipped files, changed if the test says so.
func runEgctl(t *testing.T, to string, change func(string) string) (string, error) {
	t.Helper()
	signs := newAuthority(t)
	certificate, key := signs.Client(t, time.Now(), "envoy").Files(t, t.TempDir(), "envoy")
	encoded := func(path string) string { return base64.StdEncoding.EncodeToString(content(t, path)) }
	var input strings.Builder
	for _, name := range gatewayFiles() {
		input.WriteString(repositoryFile(t, name) + "\n---\n")
	}
	fmt.Fprintf(&input, cluster, content(t, signs.File), encoded(certificate), encoded(key))
	text := input.String()
	if change != nil {
		text = change(text)
	}
	file := filepath.Join(t.TempDir(), "input.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runTool(t, "", "egctl", "x", "translate", "--from", "gateway-api", "--to", to, "--add-missing-resources", "-f", file)
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The record, through which a real Envoy is tested, is what egctl says.
func TestEgctlMakesTheRecordedTranslation(t *testing.T) {
	made := stamps(t) + "# as `egctl x translate --from gateway-api --to xds --add-missing-resources` translates them\n" +
		translate(t, "xds", nil)
	if *update {
		root, err := harness.Root()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, recorded), []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(repositoryFile(t, recorded), made); diff != "" {
		t.Errorf("%s (-) is not what egctl makes (+): run `go test -tags gateways ./test/gateways -run EgctlMakes -update`\n%s", recorded, diff)
	}
}

// problems are the conditions that Envoy Gateway would report and that are not
// as they should be.
func problems(t *testing.T, document any) []string {
	t.Helper()
	var found []string
	switch v := document.(type) {
	case map[string]any:
		// Overridden and Merged tell of routes with a policy of their own.
		kind, _ := v["type"].(string)
		if status, ok := v["status"].(string); ok && status != "True" && kind != "" {
			found = append(found, fmt.Sprintf("%s is %s: %s", kind, status, v["message"]))
		}
		for _, field := range v {
			found = append(found, problems(t, field)...)
		}
	case []any:
		for _, element := range v {
			found = append(found, problems(t, element)...)
		}
	}
	return found
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestEnvoyGatewayAcceptsEveryPolicy(t *testing.T) {
	if found := problems(t, parse(t, translate(t, "gateway-api", nil))); len(found) > 0 {
		t.Errorf("Envoy Gateway would say: %q", found)
	}
	// The same eyes find what is wrong.
	wrong := func(text string) string {
		return strings.Replace(text, "kind: SecurityPolicy, namespace: edge }", "kind: SecurityPolicy, namespace: other }", 1)
	}
	if found := problems(t, parse(t, translate(t, "gateway-api", wrong))); len(found) == 0 {
		t.Error("a Service that may not be named was accepted")
	}
}

// egctl holds every document to the rules of its kind, so what it translates
// holds no field that Envoy Gateway would not read.
func TestEgctlFindsMisspeltFields(t *testing.T) {
	for field, misspelt := range map[string]string{
		"statusOnError:":       "statusOnErorr:",       // SecurityPolicy
		"jsonPatches:":         "jsonPatch:",           // EnvoyPatchPolicy
		"earlyRequestHeaders:": "earlyRequestHeader:",  // ClientTrafficPolicy
		"clientCertificateRef": "clientCertificateReg", // EnvoyProxy
		"caCertificateRefs:":   "caCertificatesRefs:",  // BackendTLSPolicy
		"gatewayClassName:":    "gatewayClasName:",     // Gateway
		"parentRefs:":          "parentRef:",           // HTTPRoute
	} {
		out, err := runEgctl(t, "gateway-api", func(text string) string { return strings.Replace(text, field, misspelt, 1) })
		if err == nil || !strings.Contains(out, "unknown field") {
			t.Errorf("%s: error %v does not tell of an unknown field:\n%s", misspelt, err, out)
		}
	}
}
