package doctor

import (
	"encoding/json"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
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

// TestEnvoyCanReadTheLines that findings tell an operator to paste.
func TestEnvoyCanReadTheLines(t *testing.T) {
	for _, lines := range []string{envoyTLS, envoyClientCertificate} {
		var cluster clusterv3.Cluster
		read(t, "name: credence\n"+lines, &cluster)
		unpack(t, cluster.GetTransportSocket().GetTypedConfig(), &tlsv3.UpstreamTlsContext{})
	}
	var cluster clusterv3.Cluster
	read(t, "name: credence\n"+envoyHTTP2, &cluster)
	var http upstreamv3.HttpProtocolOptions
	unpack(t, cluster.GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"], &http)
	if http.GetExplicitHttpConfig().GetHttp2ProtocolOptions() == nil {
		t.Error("the lines for HTTP/2 do not ask for it")
	}
	for _, lines := range []string{envoyStray, envoyAllowedHeaders} {
		read(t, lines, &extauthzv3.ExtAuthz{})
	}
	var manager hcmv3.HttpConnectionManager
	read(t, "stat_prefix: gateway\nrds: { route_config_name: x, config_source: { ads: {} } }\nhttp_filters:\n"+envoyClientAddress, &manager)
	unpack(t, manager.GetHttpFilters()[0].GetTypedConfig(), &mutationv3.HeaderMutation{})
}
