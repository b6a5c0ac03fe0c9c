package gateways

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"credence/test/ads"
)

// recorded is what egctl makes of envoy/gateway: that program takes half an
// hour to build, so its answer is kept. TestEgctlMakesTheRecordedTranslation
// (make test-gateways) writes it and proves that it is what egctl says.
const recorded = "test/gateways/testdata/envoygateway.xds.yaml"

// gatewayFiles are the files of envoy/gateway that are applied to a cluster.
func gatewayFiles() []string {
	return []string{"envoy/gateway/gateway.yaml", "envoy/gateway/credence.yaml", "envoy/gateway/routes.yaml"}
}

// stamps say of which files a translation is.
func stamps(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	for _, name := range gatewayFiles() {
		fmt.Fprintf(&lines, "# %x %s\n", sha256.Sum256([]byte(repositoryFile(t, name))), name)
	}
	return lines.String()
}

// envoyGateway is the gateway of envoy/gateway, as Envoy Gateway translates it.
func envoyGateway() served {
	return served{
		resources: func(t *testing.T) *ads.Resources {
			t.Helper()
			r, err := ads.Translated([]byte(repositoryFile(t, recorded)))
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		listener:  "edge/edge/http",
		checks:    []string{"securitypolicy/edge/credence/extauth/0", "securitypolicy/edge/orders/extauth/0"},
		upstreams: []string{"httproute/edge/everything/rule/0", "httproute/edge/orders/rule/0", "httproute/edge/public/rule/0"},
		secured:   true,
	}
}

func TestAnEnvoyOfEnvoyGatewayKeepsThePromises(t *testing.T) { scenarios(t, envoyGateway()) }

func TestAnEnvoyOfEnvoyGatewayHidesNothingFromCredence(t *testing.T) {
	sayEverything(prepare(t, envoyGateway()))
}

func TestTheRecordedTranslationIsOfTheShippedFiles(t *testing.T) {
	if want := stamps(t); !strings.HasPrefix(repositoryFile(t, recorded), want) {
		t.Errorf("%s is of other files; record it anew (make tools-gateways, then\n"+
			"go test -tags gateways ./test/gateways -run EgctlMakes -update). It should begin with\n%s", recorded, want)
	}
}

// extAuthz are the filters that ask Credence, and the connection manager that
// they are in.
func extAuthz(t *testing.T, r *ads.Resources) (*hcmv3.HttpConnectionManager, map[string]*extauthzv3.ExtAuthz) {
	t.Helper()
	at := slices.IndexFunc(r.Listeners, func(l *listenerv3.Listener) bool { return l.GetName() == "edge/edge/http" })
	if at < 0 {
		t.Fatal("no listener edge/edge/http")
	}
	var manager *hcmv3.HttpConnectionManager
	filters := map[string]*extauthzv3.ExtAuthz{}
	err := ads.ChangeHCM(r.Listeners[at], func(hcm *hcmv3.HttpConnectionManager) error {
		manager = hcm
		for _, f := range hcm.GetHttpFilters() {
			if config := (&extauthzv3.ExtAuthz{}); f.GetTypedConfig().MessageIs(config) {
				if err := f.GetTypedConfig().UnmarshalTo(config); err != nil {
					return err
				}
				filters[f.GetName()] = config
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return manager, filters
}

// The lines that decide between open and closed, in every filter.
func TestEnvoyGatewayFailsClosedOnEveryRoute(t *testing.T) {
	r := envoyGateway().resources(t)
	hcm, filters := extAuthz(t, r)
	for name, f := range filters {
		if f.GetFailureModeAllow() || f.GetStatusOnError().GetCode() != typev3.StatusCode_ServiceUnavailable ||
			!f.GetEncodeRawHeaders() || !f.GetValidateMutations() || !f.GetDecoderHeaderMutationRules().GetDisallowAll().GetValue() ||
			f.GetAllowedHeaders() != nil || f.GetWithRequestBody() != nil || f.GetClearRouteCache() {
			t.Errorf("%s is not closed: %v", name, f)
		}
	}
	if len(filters) != 2 || !hcm.GetNormalizePath().GetValue() || !hcm.GetMergeSlashes() ||
		hcm.GetPathWithEscapedSlashesAction() != hcmv3.HttpConnectionManager_REJECT_REQUEST ||
		hcm.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() != corev3.HttpProtocolOptions_REJECT_REQUEST {
		t.Errorf("the connection manager is not as strict as envoy.yaml's, or lacks a filter: %v", hcm)
	}
	for _, route := range r.Routes[0].GetVirtualHosts()[0].GetRoutes() {
		checked := 0
		for name := range filters {
			if route.GetTypedPerFilterConfig()[name] != nil {
				checked++
			}
		}
		if public := strings.HasPrefix(route.GetName(), "httproute/edge/public/"); (checked == 1) == public {
			t.Errorf("route %s is checked by %d filters", route.GetName(), checked)
		}
	}
}

// patch is one entry of an EnvoyPatchPolicy.
type patch struct {
	Type      string `json:"type"`
	Name      string `json:"name"`
	Operation struct {
		Op       string `json:"op"`
		JSONPath string `json:"jsonPath"`
		Path     string `json:"path"`
		Value    any    `json:"value"`
	} `json:"operation"`
}

// patches are those of envoy/gateway/credence.yaml.
func patches(t *testing.T) []patch {
	t.Helper()
	for _, document := range documents(t, repositoryFile(t, "envoy/gateway/credence.yaml")) {
		var policy struct {
			Kind string `json:"kind"`
			Spec struct {
				JSONPatches []patch `json:"jsonPatches"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(document, &policy); err != nil {
			t.Fatal(err)
		}
		if policy.Kind == "EnvoyPatchPolicy" {
			return policy.Spec.JSONPatches
		}
	}
	t.Fatal("no EnvoyPatchPolicy")
	return nil
}

// Each patch is decoded into what it patches, and found in the translation.
func TestThePatchesAreWhatEnvoyUnderstandsAndArrive(t *testing.T) {
	r := envoyGateway().resources(t)
	hcm, filters := extAuthz(t, r)
	fields := map[string]any{}
	checks := map[string]map[string]any{}
	for _, p := range patches(t) {
		field, ofFilter := strings.CutPrefix(p.Operation.Path, "typed_config/")
		switch {
		case ofFilter:
			fields[field] = p.Operation.Value
		case p.Operation.Path == "0":
			first := &hcmv3.HttpFilter{}
			if err := ads.Decode(p.Operation.Value, first); err != nil {
				t.Errorf("%s %s: %v", p.Operation.JSONPath, p.Operation.Path, err)
			}
			if !proto.Equal(first, hcm.GetHttpFilters()[0]) {
				t.Errorf("the first filter is %v, want %v", hcm.GetHttpFilters()[0], first)
			}
		case strings.HasPrefix(p.Operation.Path, "/health_checks/0/"):
			if checks[p.Name] == nil {
				checks[p.Name] = healthCheck()
			}
			checks[p.Name][strings.TrimPrefix(p.Operation.Path, "/health_checks/0/")] = p.Operation.Value
		default:
			t.Errorf("a patch of %s that this test does not know", p.Operation.Path)
		}
	}
	patchesHealthChecks(t, r, checks)
	want := &extauthzv3.ExtAuthz{}
	if err := ads.Decode(fields, want); err != nil {
		t.Fatalf("patches of ext_authz: %v", err)
	}
	for name, got := range filters {
		merged := proto.CloneOf(got)
		proto.Merge(merged, want)
		if !proto.Equal(merged, got) {
			t.Errorf("%s lacks a patch: %v, want all of %v", name, got, want)
		}
	}
}

// healthCheck is what the SecurityPolicy says of it.
func healthCheck() map[string]any {
	return map[string]any{
		"timeout": "1s", "interval": "2s", "unhealthy_threshold": 2, "healthy_threshold": 1,
		"grpc_health_check": map[string]any{"service_name": "envoy.service.auth.v3.Authorization"},
	}
}

// patchesHealthChecks demands the patched health check of every cluster that
// leads to Credence.
func patchesHealthChecks(t *testing.T, r *ads.Resources, checks map[string]map[string]any) {
	t.Helper()
	for _, name := range envoyGateway().checks {
		want := &corev3.HealthCheck{}
		if err := ads.Decode(checks[name], want); err != nil {
			t.Fatalf("patches of the health check of %s: %v", name, err)
		}
		at := slices.IndexFunc(r.Clusters, func(c *clusterv3.Cluster) bool { return c.GetName() == name })
		if at < 0 || !proto.Equal(r.Clusters[at].GetHealthChecks()[0], want) {
			t.Errorf("the health check of %s is not %v", name, want)
		}
	}
}

// What envoy/gateway names must be there once envoy/kubernetes is applied.
func TestEnvoyGatewayAsksWhatTheManifestsDeploy(t *testing.T) {
	service := manifests(t).services["credence-extauthz"]
	if service == nil || service.Namespace != "credence" || service.Spec.Ports[0].Port != 9001 {
		t.Fatalf("envoy/kubernetes has another Service: %v", service)
	}
	if name := service.Name + "." + service.Namespace + ".svc"; name != checkName {
		t.Errorf("the Service is called %s, the tests call it %s", name, checkName)
	}
	text := repositoryFile(t, "envoy/gateway/credence.yaml") + repositoryFile(t, "envoy/gateway/routes.yaml")
	reference := "{ group: \"\", kind: Service, namespace: credence, name: credence-extauthz, port: 9001 }"
	if strings.Count(text, reference) != 2 || !strings.Contains(text, "hostname: "+checkName) {
		t.Error("the policies name another Service or host")
	}
	reach := manifests(t).reach(t, "credence-extauthz", "grpc-check")
	for label, value := range reach.PodSelector.MatchLabels {
		if !strings.Contains(repositoryFile(t, "envoy/gateway/gateway.yaml"), fmt.Sprintf("%s: %q", label, value)) {
			t.Errorf("the NetworkPolicy wants the label %s=%s on Envoy's pods", label, value)
		}
	}
}
