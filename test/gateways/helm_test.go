package gateways

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// valueSets are what the chart is rendered with: NAME.values.yaml in
// testdata/helm gives NAME.golden.yaml, which `make test-gateways` compares
// with what helm makes.
var valueSets = []string{"minimal", "production", "secrets", "plaintext"}

// chart are the objects that the chart makes of a set of values, for a release
// credence in a namespace credence.
func chart(t *testing.T, set string) *objects {
	t.Helper()
	o := newObjects()
	for _, document := range documents(t, repositoryFile(t, "test/gateways/testdata/helm/"+set+".golden.yaml")) {
		if err := o.add(document); err != nil {
			t.Fatalf("%s: %v", set, err)
		}
	}
	return o
}

func TestChartFitsTogetherAndGivesEachProcessTheLeast(t *testing.T) {
	for _, set := range valueSets {
		t.Run(set, func(t *testing.T) { chart(t, set).fits(t) })
	}
}

// Somebody who starts with the manifests and goes on with the chart, or the
// other way, gets the same deployment.
func TestChartWithDefaultsIsTheDeploymentOfTheManifests(t *testing.T) {
	ours, theirs := chart(t, "minimal"), manifests(t)
	delete(theirs.namespaces, "credence") // helm install --create-namespace
	for name := range theirs.deployments {
		same(t, name, ours.deployments[name].Spec, theirs.deployments[name].Spec)
	}
	for name := range theirs.jobs {
		same(t, name, ours.jobs[name].Spec, theirs.jobs[name].Spec)
	}
	for name := range theirs.services {
		same(t, name, ours.services[name].Spec, theirs.services[name].Spec)
	}
	for name := range theirs.policies {
		same(t, name, ours.policies[name].Spec, theirs.policies[name].Spec)
	}
	for name := range theirs.budgets {
		same(t, name, ours.budgets[name].Spec, theirs.budgets[name].Spec)
	}
	for what, names := range map[string][2][]string{
		"deployments": {sortedKeys(ours.deployments), sortedKeys(theirs.deployments)},
		"jobs":        {sortedKeys(ours.jobs), sortedKeys(theirs.jobs)},
		"services":    {sortedKeys(ours.services), sortedKeys(theirs.services)},
		"accounts":    {sortedKeys(ours.accounts), sortedKeys(theirs.accounts)},
		"policies":    {sortedKeys(ours.policies), sortedKeys(theirs.policies)},
		"budgets":     {sortedKeys(ours.budgets), sortedKeys(theirs.budgets)},
		"namespaces":  {sortedKeys(ours.namespaces), sortedKeys(theirs.namespaces)},
	} {
		if !slices.Equal(names[0], names[1]) {
			t.Errorf("%s: the chart has %v, the manifests %v", what, names[0], names[1])
		}
	}
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// same compares two specs but for what only a chart has: the label of the
// release, the tag of the image and when to pull it.
func same(t *testing.T, name string, chart, manifest any) {
	t.Helper()
	if diff := cmp.Diff(plain(t, manifest), plain(t, chart)); diff != "" {
		t.Errorf("%s: manifest (-) and chart (+) differ:\n%s", name, diff)
	}
}

func plain(t *testing.T, spec any) any {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return without(v)
}

func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			switch key {
			case "app.kubernetes.io/instance", "imagePullPolicy":
				delete(v, key)
			case "image":
				v[key], _, _ = strings.Cut(fmt.Sprint(inner), ":")
			default:
				v[key] = without(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	}
	return v
}

// What the production values say arrives where it belongs.
func TestChartTakesOverWhatItsValuesSay(t *testing.T) {
	o := chart(t, "production")
	c := o.deployments["credence-extauthz"].Spec.Template.Spec.Containers[0]
	for flag, want := range map[string]string{
		"check-tls-client-ca": "/tls/ca.crt", "check-tls-client-names": "spiffe://example.com/ns/gateways/sa/envoy,envoy.example.com",
		"client-source": "header:x-client-ip", "drain-delay": "8s", "shutdown-grace": "20s",
		"call-secret-file": "/call/call.secrets", "failure-limit": "20/m", "cache-size": "500000", "ceiling": "30m",
	} {
		if got := argument(c, flag, ""); got != want {
			t.Errorf("--%s=%s, want %s", flag, got, want)
		}
	}
	office := o.deployments["credence-management"].Spec.Template.Spec.Containers[0]
	if got := argument(office, "api-hosts", ""); !strings.HasSuffix(got, ",keys.example.com") {
		t.Errorf("--api-hosts=%s", got)
	}
	if got := argument(office, "oidc-config", ""); got != "/oidc/oidc.yaml" {
		t.Errorf("--oidc-config=%s", got)
	}
	egress := o.policies["credence-extauthz"].Spec.Egress
	if len(egress) != 3 || egress[1].Ports[0].Port.IntValue() != 6432 || egress[1].To[0].IPBlock.CIDR != "10.0.12.0/24" {
		t.Errorf("egress %+v", egress)
	}
}

func TestChartMountsTheSecretsItIsTold(t *testing.T) {
	o := chart(t, "secrets")
	var names []string
	for _, v := range o.deployments["credence-management"].Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			names = append(names, v.Secret.SecretName)
		}
	}
	if got := strings.Join(names, " "); got != "vault-secrets-file vault-keyset vault-api-tls" {
		t.Errorf("management mounts %s", got)
	}
	c := o.deployments["credence-extauthz"].Spec.Template.Spec.Containers[0]
	if c.Env[0].ValueFrom.SecretKeyRef.Name != "vault-data" || hasFlag(c, "check-tls-client-ca") || !hasFlag(c, "check-tls-cert") {
		t.Errorf("extauthz: %+v %v", c.Env, c.Args)
	}
	if len(o.jobs) != 0 {
		t.Error("a migration that was switched off")
	}
}

// Plaintext is said, never implied, and an address for Istio's sidecars.
func TestChartInPlaintextIsThatOfAMesh(t *testing.T) {
	o := chart(t, "plaintext")
	if o.services["credence-extauthz"].Spec.ClusterIP == corev1.ClusterIPNone {
		t.Error("a sidecar cannot ask a headless Service")
	}
	mesh := overlay(t)
	for _, name := range []string{"credence-extauthz", "credence-management"} {
		got, want := slices.Clone(o.podOf(t, name).Spec.Containers[0].Args), slices.Clone(mesh.podOf(t, name).Spec.Containers[0].Args)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the chart says %v, envoy/istio/credence %v", name, got, want)
		}
	}
}

// Each value has a comment, and a place in the schema, which refuses others.
func TestChartsSchemaHasEveryValueAndNoOther(t *testing.T) {
	var schema, values map[string]any
	if err := json.Unmarshal([]byte(repositoryFile(t, "envoy/helm/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	if err := decode([]byte(repositoryFile(t, "envoy/helm/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	described(t, "", schema, values)
}

// described compares an object of the schema with the values there are.
func described(t *testing.T, path string, schema, values map[string]any) {
	t.Helper()
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return // labels and the like: any name is right
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: a misspelt value would be ignored", path)
	}
	for name := range properties {
		if _, ok := values[name]; !ok && path+name != "global" {
			t.Errorf("%s%s: in the schema, but not in values.yaml", path, name)
		}
	}
	for name, value := range values {
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s%s: in values.yaml, but not in the schema", path, name)
			continue
		}
		if inner, ok := value.(map[string]any); ok {
			described(t, path+name+".", property, inner)
		}
	}
}
