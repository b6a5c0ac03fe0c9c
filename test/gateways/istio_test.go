package gateways

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthz "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	mutation "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	mesh "istio.io/api/mesh/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	"sigs.k8s.io/yaml"
)

const istioFolder = "envoy/istio/"

// istioFiles hold Istio's own kinds.
var istioFiles = []string{"gateway.yaml", "routes.yaml", "tls.yaml", "credence/mesh.yaml"}

// istioObject is one of Istio's objects, its spec decoded strictly.
type istioObject struct {
	name string
	spec proto.Message
}

// istioSpecs are the types of the specs of the kinds that our files use.
var istioSpecs = map[string]func() proto.Message{
	"security.istio.io/v1 AuthorizationPolicy": func() proto.Message { return &security.AuthorizationPolicy{} },
	"security.istio.io/v1 PeerAuthentication":  func() proto.Message { return &security.PeerAuthentication{} },
	"networking.istio.io/v1alpha3 EnvoyFilter": func() proto.Message { return &networking.EnvoyFilter{} },
	"networking.istio.io/v1 DestinationRule":   func() proto.Message { return &networking.DestinationRule{} },
	"networking.istio.io/v1 VirtualService":    func() proto.Message { return &networking.VirtualService{} },
	"networking.istio.io/v1 Gateway":           func() proto.Message { return &networking.Gateway{} },
}

// decodeIstio decodes one document; an unknown field is an error.
func decodeIstio(document []byte) (istioObject, error) {
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := decode(document, &object); err != nil {
		return istioObject{}, err
	}
	fresh, ok := istioSpecs[object.APIVersion+" "+object.Kind]
	if !ok || object.Metadata.Name == "" || object.Metadata.Namespace == "" {
		return istioObject{}, fmt.Errorf("%s %s %s/%s: a kind that no test knows, or no name", object.APIVersion, object.Kind,
			object.Metadata.Namespace, object.Metadata.Name)
	}
	spec := fresh()
	if err := protojson.Unmarshal(object.Spec, spec); err != nil {
		return istioObject{}, fmt.Errorf("%s %s: %w", object.Kind, object.Metadata.Name, err)
	}
	return istioObject{object.Metadata.Name, spec}, nil
}

// istioObjects are the objects of a file.
func istioObjects(t *testing.T, file string) []istioObject {
	t.Helper()
	var all []istioObject
	for _, document := range documents(t, repositoryFile(t, istioFolder+file)) {
		object, err := decodeIstio(document)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, object)
	}
	return all
}

// istioSpec is the spec of the object of the name and type, in a file.
func istioSpec[T proto.Message](t *testing.T, file, name string) T {
	t.Helper()
	for _, o := range istioObjects(t, file) {
		if spec, ok := o.spec.(T); ok && o.name == name {
			return spec
		}
	}
	t.Fatalf("%s: no %s of that type", file, name)
	panic("unreachable")
}

func TestIstioFilesHoldNoUnknownField(t *testing.T) {
	for _, file := range istioFiles {
		if len(istioObjects(t, file)) == 0 {
			t.Errorf("%s holds nothing", file)
		}
	}
	misspelt := strings.Replace(repositoryFile(t, istioFolder+"tls.yaml"), "credentialName", "credentialsName", 1)
	if _, err := decodeIstio([]byte(misspelt)); err == nil {
		t.Error("a misspelt field was not found")
	}
}

// provider is how Istio's proxies reach Credence.
func provider(t *testing.T) *mesh.MeshConfig_ExtensionProvider {
	t.Helper()
	var file struct {
		MeshConfig json.RawMessage `json:"meshConfig"`
	}
	if err := decode([]byte(repositoryFile(t, istioFolder+"meshconfig.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	config := &mesh.MeshConfig{}
	if err := protojson.Unmarshal(file.MeshConfig, config); err != nil {
		t.Fatal(err)
	}
	if len(config.GetExtensionProviders()) != 1 {
		t.Fatalf("%d providers", len(config.GetExtensionProviders()))
	}
	return config.GetExtensionProviders()[0]
}

// A proxy that cannot ask closes, soon, and says that it is an outage.
func TestIstioProviderIsClosedWhenCredenceCannotBeAsked(t *testing.T) {
	p := provider(t).GetEnvoyExtAuthzGrpc()
	if p.GetFailOpen() || p.GetStatusOnError() != "503" || p.GetIncludeRequestBodyInCheck() != nil || p.GetClearRouteCache() {
		t.Errorf("%v", p)
	}
	if timeout := p.GetTimeout().AsDuration(); timeout <= 0 || timeout > time.Second {
		t.Errorf("timeout %s", timeout)
	}
	s := overlay(t).services["credence-check"]
	host := s.Name + "." + s.Namespace + ".svc.cluster.local"
	if p.GetService() != s.Namespace+"/"+host || int32(p.GetPort()) != s.Spec.Ports[0].Port {
		t.Errorf("asks %s:%d, the Service is %s", p.GetService(), p.GetPort(), host)
	}
	rule := istioSpec[*networking.DestinationRule](t, "credence/mesh.yaml", "credence-check")
	if rule.GetHost() != host || rule.GetTrafficPolicy().GetTls().GetMode() != networking.ClientTLSSettings_ISTIO_MUTUAL {
		t.Errorf("DestinationRule for %s, %s", rule.GetHost(), rule.GetTrafficPolicy().GetTls().GetMode())
	}
}

// Nothing passes by: the policy names the provider and checks every request.
func TestIstioGatewayChecksEveryRequest(t *testing.T) {
	p := istioSpec[*security.AuthorizationPolicy](t, "gateway.yaml", "credence")
	if p.GetAction() != security.AuthorizationPolicy_CUSTOM || p.GetProvider().GetName() != provider(t).GetName() {
		t.Errorf("%s by %q", p.GetAction(), p.GetProvider().GetName())
	}
	if len(p.GetRules()) != 1 || len(p.GetRules()[0].GetTo()) != 0 || len(p.GetRules()[0].GetFrom()) != 0 || len(p.GetRules()[0].GetWhen()) != 0 {
		t.Errorf("rules %v", p.GetRules())
	}
	for _, name := range []string{"credence-check", "credence-headers"} {
		f := istioSpec[*networking.EnvoyFilter](t, "gateway.yaml", name)
		if !proto.Equal(&networking.WorkloadSelector{Labels: p.GetSelector().GetMatchLabels()}, f.GetWorkloadSelector()) {
			t.Errorf("%s is for %v, the policy for %v", name, f.GetWorkloadSelector(), p.GetSelector())
		}
	}
}

// In the mesh, only the gateway may ask, and nobody in plaintext.
func TestIstioMeshLetsOnlyTheGatewayAsk(t *testing.T) {
	if mode := istioSpec[*security.PeerAuthentication](t, "credence/mesh.yaml", "credence").GetMtls().GetMode(); mode != security.PeerAuthentication_MutualTLS_STRICT {
		t.Errorf("mutual TLS is %s", mode)
	}
	for _, name := range []string{"credence-extauthz", "credence-management"} {
		p := istioSpec[*security.PeerAuthentication](t, "credence/mesh.yaml", name)
		if len(p.GetPortLevelMtls()) != 1 || p.GetMtls().GetMode() != security.PeerAuthentication_MutualTLS_STRICT ||
			p.GetPortLevelMtls()[9003].GetMode() != security.PeerAuthentication_MutualTLS_PERMISSIVE {
			t.Errorf("%s: anything but the status port in plaintext, or not that: %v", name, p)
		}
	}
	o := overlay(t)
	for name, port := range map[string]string{"credence-extauthz": "9001", "credence-management": "8080"} {
		p := istioSpec[*security.AuthorizationPolicy](t, "credence/mesh.yaml", name)
		if p.GetAction() != security.AuthorizationPolicy_ALLOW || len(p.GetRules()) != 2 || len(p.GetRules()[0].GetFrom()) != 1 ||
			!slices.Equal(p.GetRules()[0].GetTo()[0].GetOperation().GetPorts(), []string{port}) ||
			!slices.Equal(p.GetRules()[1].GetTo()[0].GetOperation().GetPorts(), []string{"9003"}) {
			t.Errorf("%s: %v", name, p)
		}
		for label, value := range p.GetSelector().GetMatchLabels() {
			if o.podOf(t, name).Labels[label] != value {
				t.Errorf("%s: no pod has the label %s=%s", name, label, value)
			}
		}
	}
}

// patchValue decodes the typed configuration of a patch, as Envoy would.
func patchValue(t *testing.T, p *networking.EnvoyFilter_EnvoyConfigObjectPatch, into proto.Message) {
	t.Helper()
	text, err := protojson.Marshal(p.GetPatch().GetValue().GetFields()["typed_config"])
	if err != nil {
		t.Fatal(err)
	}
	typed(t, text, into)
}

// typed decodes a configuration with @type; unknown fields and another type
// are errors.
func typed(t *testing.T, text []byte, into proto.Message) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	if want := `"type.googleapis.com/` + string(into.ProtoReflect().Descriptor().FullName()) + `"`; string(fields["@type"]) != want {
		t.Fatalf("@type is %s, want %s", fields["@type"], want)
	}
	delete(fields, "@type")
	rest, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(rest, into); err != nil {
		t.Fatal(err)
	}
}

// ofIstio is the filter that Istio makes of the provider, as far as it can say.
func ofIstio(p *mesh.MeshConfig_ExtensionProvider) *extauthz.ExtAuthz {
	return &extauthz.ExtAuthz{
		TransportApiVersion: corev3.ApiVersion_V3,
		Services: &extauthz.ExtAuthz_GrpcService{GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
				ClusterName: "outbound|9001||" + p.GetEnvoyExtAuthzGrpc().GetService(),
			}},
			Timeout: durationpb.New(p.GetEnvoyExtAuthzGrpc().GetTimeout().AsDuration()),
		}},
	}
}

// Merged, as Istio does it, into the filter of the provider, it says what
// envoy/envoy.yaml says, and passes Envoy's own validation.
func TestIstioFilterSaysWhatEnvoysOwnFileSays(t *testing.T) {
	patch := istioSpec[*networking.EnvoyFilter](t, "gateway.yaml", "credence-check").GetConfigPatches()[0]
	if patch.GetApplyTo() != networking.EnvoyFilter_HTTP_FILTER || patch.GetPatch().GetOperation() != networking.EnvoyFilter_Patch_MERGE ||
		patch.GetMatch().GetListener().GetFilterChain().GetFilter().GetSubFilter().GetName() != "envoy.filters.http.ext_authz" {
		t.Fatalf("%v", patch)
	}
	said := &extauthz.ExtAuthz{}
	patchValue(t, patch, said)
	merged := ofIstio(provider(t))
	proto.Merge(merged, said)
	if err := merged.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	own := envoysOwn(t)
	if !merged.GetEncodeRawHeaders() || !merged.GetValidateMutations() || merged.GetFailureModeAllow() ||
		merged.GetChargeClusterResponseStats().GetValue() || merged.GetChargeClusterResponseStats() == nil ||
		merged.GetStatPrefix() != own.GetStatPrefix() ||
		!proto.Equal(merged.GetDecoderHeaderMutationRules(), own.GetDecoderHeaderMutationRules()) ||
		merged.GetMaxDeniedResponseBodyBytes() != own.GetMaxDeniedResponseBodyBytes() ||
		!proto.Equal(merged.GetGrpcService().GetRetryPolicy(), own.GetGrpcService().GetRetryPolicy()) ||
		!proto.Equal(merged.GetGrpcService().GetTimeout(), own.GetGrpcService().GetTimeout()) {
		t.Errorf("merged: %v\nenvoy/envoy.yaml: %v", merged, own)
	}
}

// envoysOwn is the filter of envoy/envoy.yaml.
func envoysOwn(t *testing.T) *extauthz.ExtAuthz {
	t.Helper()
	var bootstrap any
	if err := yaml.Unmarshal([]byte(repositoryFile(t, "envoy/envoy.yaml")), &bootstrap); err != nil {
		t.Fatal(err)
	}
	own := &extauthz.ExtAuthz{}
	found := findTyped(bootstrap, "type.googleapis.com/"+string(own.ProtoReflect().Descriptor().FullName()))
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	typed(t, text, own)
	return own
}

// findTyped answers the first object of the type below v.
func findTyped(v any, kind string) any {
	var inner []any
	switch v := v.(type) {
	case map[string]any:
		if v["@type"] == kind {
			return v
		}
		for _, x := range v {
			inner = append(inner, x)
		}
	case []any:
		inner = v
	}
	for _, x := range inner {
		if found := findTyped(x, kind); found != nil {
			return found
		}
	}
	return nil
}

// What only Credence may say is taken away first, from every request.
func TestIstioGatewayTakesForgedHeadersAwayBeforeAnythingElse(t *testing.T) {
	patches := istioSpec[*networking.EnvoyFilter](t, "gateway.yaml", "credence-headers").GetConfigPatches()
	if patches[0].GetPatch().GetOperation() != networking.EnvoyFilter_Patch_INSERT_FIRST {
		t.Errorf("operation %s", patches[0].GetPatch().GetOperation())
	}
	m := &mutation.HeaderMutation{}
	patchValue(t, patches[0], m)
	if err := m.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	var does []string
	for _, r := range m.GetMutations().GetRequestMutations() {
		does = append(does, r.GetAppend().GetHeader().GetKey()+r.GetRemoveOnMatch().GetKeyMatcher().GetSafeRegex().GetRegex())
	}
	if want := []string{"x-client-ip", "x[-_.](credence|envoy[-_.]auth)[-_.].*"}; !slices.Equal(does, want) {
		t.Errorf("changes %q, want %q", does, want)
	}
	connection := &hcm.HttpConnectionManager{}
	patchValue(t, patches[1], connection)
	if !connection.GetNormalizePath().GetValue() || !connection.GetMergeSlashes() ||
		connection.GetPathWithEscapedSlashesAction() != hcm.HttpConnectionManager_REJECT_REQUEST ||
		connection.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() != corev3.HttpProtocolOptions_REJECT_REQUEST {
		t.Errorf("%v", connection)
	}
}

// The example patches a route that the VirtualService beside it has.
func TestIstioRoutesCarryWhatTheyDemand(t *testing.T) {
	service := istioSpec[*networking.VirtualService](t, "routes.yaml", "shop")
	patch := istioSpec[*networking.EnvoyFilter](t, "routes.yaml", "credence-routes").GetConfigPatches()[0]
	name := patch.GetMatch().GetRouteConfiguration().GetVhost().GetRoute().GetName()
	if !slices.ContainsFunc(service.GetHttp(), func(r *networking.HTTPRoute) bool { return r.GetName() == name }) {
		t.Errorf("no route is called %q", name)
	}
	config := patch.GetPatch().GetValue().GetFields()["typed_per_filter_config"].GetStructValue().GetFields()["envoy.filters.http.ext_authz"]
	text, err := protojson.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	route := &extauthz.ExtAuthzPerRoute{}
	typed(t, text, route)
	if err := route.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	if got := route.GetCheckSettings().GetContextExtensions()["credence.scopes"]; got != "orders:read" {
		t.Errorf("demands %q", got)
	}
}
