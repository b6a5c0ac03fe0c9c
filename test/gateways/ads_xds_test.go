package gateways

import (
	"errors"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"credence/test/ads"
	"credence/test/harness"
)

// xds is what envoy/xds serves.
func xds() served {
	return served{
		resources: func(t *testing.T) *ads.Resources {
			t.Helper()
			r, err := ads.Read(shipped(t, "xds/listeners.yaml"), shipped(t, "xds/routes.yaml"),
				shipped(t, "xds/clusters.yaml"), shipped(t, "xds/endpoints.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		listener: "gateway", checks: []string{"credence"}, upstreams: []string{"upstream"},
	}
}

func TestAnEnvoyThatHasEverythingOverXDSKeepsThePromises(t *testing.T) { scenarios(t, xds()) }

func TestAnEnvoyThatHasEverythingOverXDSHidesNothingFromCredence(t *testing.T) {
	sayEverything(prepare(t, xds()))
}

func TestTheXDSBootstrapIsOneThatEnvoyAccepts(t *testing.T) {
	if err := harness.Validate(t.Context(), shipped(t, "xds/bootstrap.yaml")); err != nil {
		t.Error(err)
	}
	readBootstrap(t, "xds/bootstrap.yaml")
}

// readBootstrap decodes a bootstrap strictly.
func readBootstrap(t *testing.T, name string) *bootstrapv3.Bootstrap {
	t.Helper()
	config, err := harness.ReadConfig(shipped(t, name))
	if err != nil {
		t.Fatal(err)
	}
	b := &bootstrapv3.Bootstrap{}
	if err := ads.Decode(config.Document(), b); err != nil {
		t.Fatalf("envoy/%s: %v", name, err)
	}
	return b
}

// Two files that say the same must not come to differ: whoever changes one
// changes the other. What differs is only where routes and hosts stand.
func TestTheXDSVariantSaysWhatTheStaticOneSays(t *testing.T) {
	static := readBootstrap(t, "envoy.yaml")
	variant := readBootstrap(t, "xds/bootstrap.yaml")
	r := xds().resources(t)
	inlineRoutes(t, r)
	inlineHosts(t, r)
	variant.DynamicResources = nil
	variant.StaticResources = &bootstrapv3.Bootstrap_StaticResources{Listeners: r.Listeners, Clusters: r.Clusters}
	if !proto.Equal(static, variant) {
		format := prototext.MarshalOptions{Multiline: true}
		t.Errorf("envoy/xds differs from envoy/envoy.yaml (- static, + xds):\n%s", cmp.Diff(format.Format(static), format.Format(variant)))
	}
}

// inlineRoutes moves the one route configuration to where it is asked for.
func inlineRoutes(t *testing.T, r *ads.Resources) {
	t.Helper()
	if len(r.Routes) != 1 {
		t.Fatalf("%d route configurations, want one", len(r.Routes))
	}
	for _, l := range r.Listeners {
		err := ads.ChangeHCM(l, func(hcm *hcmv3.HttpConnectionManager) error {
			if hcm.GetRds().GetRouteConfigName() != r.Routes[0].GetName() || hcm.GetRds().GetConfigSource().GetAds() == nil {
				return errors.New("routes are not asked for over ADS")
			}
			hcm.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: r.Routes[0]}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inlineHosts moves endpoints into the clusters that ask for them.
func inlineHosts(t *testing.T, r *ads.Resources) {
	t.Helper()
	for _, c := range r.Clusters {
		if c.GetType() != clusterv3.Cluster_EDS || c.GetEdsClusterConfig().GetEdsConfig().GetAds() == nil {
			t.Fatalf("cluster %s does not ask for its hosts over ADS", c.GetName())
		}
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		c.EdsClusterConfig = nil
		for _, e := range r.Endpoints {
			if e.GetClusterName() == c.GetName() {
				c.LoadAssignment = e
			}
		}
	}
}

func TestStrictDecodingFindsWhatLiesDeep(t *testing.T) {
	err := ads.Decode(map[string]any{"name": "x", "no_such_field": 1}, &listenerv3.Listener{})
	if err == nil {
		t.Error("an unknown field was accepted")
	}
	// A rule of a message that is packed in another one.
	l := xds().resources(t).Listeners[0]
	err = ads.ChangeHCM(l, func(hcm *hcmv3.HttpConnectionManager) error {
		hcm.StatPrefix = ""
		return nil
	})
	if err == nil {
		err = ads.Validate(l)
	}
	if err == nil {
		t.Error("a connection manager without stat_prefix was accepted")
	}
}
