package doctor

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// read decodes YAML strictly into an Envoy message, and applies its rules.
func read(t *testing.T, lines string, into interface {
	proto.Message
	ValidateAll() error
},
) {
	t.Helper()
	var tree any
	err := yaml.Unmarshal([]byte(lines), &tree)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(tree); err == nil {
			err = protojson.Unmarshal(text, into)
		}
	}
	if err == nil {
		err = into.ValidateAll()
	}
	if err != nil {
		t.Errorf("%v in\n%s", err, lines)
	}
}

// unpack reads what is in an Any, with its rules too.
func unpack(t *testing.T, packed *anypb.Any, into interface {
	proto.Message
	ValidateAll() error
},
) {
	t.Helper()
	if err := packed.UnmarshalTo(into); err != nil {
		t.Error(err)
	}
	if err := into.ValidateAll(); err != nil {
		t.Error(err)
	}
}

// hides says which of the headers do not pass the filter's list: a forged one that
// does not is not taken away.
func hides(t *testing.T, filter *extauthzv3.ExtAuthz, headers ...string) {
	t.Helper()
	for _, name := range headers {
		if !slices.ContainsFunc(filter.GetAllowedHeaders().GetPatterns(), func(m *matcherv3.StringMatcher) bool {
			expression := m.GetSafeRegex().GetRegex()
			return m.GetExact() == name || expression != "" && regexp.MustCompile("^(?:"+expression+")$").MatchString(name)
		}) {
			t.Errorf("the lines hide %s from Credence", name)
		}
	}
}

// TestEnvoyCanReadTheLines that findings tell an operator to paste.
func TestEnvoyCanReadTheLines(t *testing.T) {
	for _, lines := range []string{envoyTLS, envoyClientCertificate} {
		var cluster clusterv3.Cluster
		read(t, "name: credence\n"+lines, &cluster)
		var context tlsv3.UpstreamTlsContext
		unpack(t, cluster.GetTransportSocket().GetTypedConfig(), &context)
		if !slices.Equal(context.GetCommonTlsContext().GetAlpnProtocols(), []string{"h2"}) {
			t.Error("health checks by these lines are refused: they do not say h2")
		}
	}
	var cluster clusterv3.Cluster
	read(t, "name: credence\n"+envoyHTTP2, &cluster)
	var http upstreamv3.HttpProtocolOptions
	unpack(t, cluster.GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"], &http)
	if http.GetExplicitHttpConfig().GetHttp2ProtocolOptions() == nil {
		t.Error("the lines for HTTP/2 do not ask for it")
	}
	read(t, envoyStray, &extauthzv3.ExtAuthz{})
	var filter extauthzv3.ExtAuthz
	read(t, envoyAllowedHeaders, &filter)
	hides(t, &filter, "x-api-key", "authorization", "x-client-ip", "x-credence-owner", "x.credence_owner", "x_envoy-auth.failure-mode-allowed")
	var manager hcmv3.HttpConnectionManager
	read(t, "stat_prefix: gateway\nrds: { route_config_name: x, config_source: { ads: {} } }\nhttp_filters:\n"+envoyClientAddress, &manager)
	unpack(t, manager.GetHttpFilters()[0].GetTypedConfig(), &mutationv3.HeaderMutation{})
}
