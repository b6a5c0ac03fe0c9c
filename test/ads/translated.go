package ads

import (
	"encoding/json"
	"errors"
	"fmt"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// Translated decodes what `egctl x translate --to xds` prints for one Gateway.
func Translated(text []byte) (*Resources, error) {
	var document struct {
		XDS map[string]map[string]any `yaml:"xds"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read a translation: %w", err)
	}
	if len(document.XDS) != 1 {
		return nil, fmt.Errorf("read a translation: it is of %d Gateways, want one", len(document.XDS))
	}
	r := &Resources{}
	for gateway, fields := range document.XDS {
		plain, err := json.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("read the translation of %s: %w", gateway, err)
		}
		dump := &adminv3.ConfigDump{}
		if err := protojson.Unmarshal(plain, dump); err != nil {
			return nil, fmt.Errorf("read the translation of %s: %w", gateway, err)
		}
		for _, config := range dump.GetConfigs() {
			if err := r.addDump(config); err != nil {
				return nil, fmt.Errorf("read the translation of %s: %w", gateway, err)
			}
		}
	}
	return r, nil
}

// addDump takes in the resources of one part of a configuration dump. The
// bootstrap is none of them, but follows the rules as well.
func (r *Resources) addDump(config *anypb.Any) error {
	part, err := config.UnmarshalNew()
	if err != nil {
		return err
	}
	var all []*anypb.Any
	switch dump := part.(type) {
	case *adminv3.BootstrapConfigDump:
		return Validate(dump)
	case *adminv3.ListenersConfigDump:
		for _, l := range dump.GetDynamicListeners() {
			all = append(all, l.GetActiveState().GetListener())
		}
	case *adminv3.RoutesConfigDump:
		for _, route := range dump.GetDynamicRouteConfigs() {
			all = append(all, route.GetRouteConfig())
		}
	case *adminv3.ClustersConfigDump:
		for _, c := range dump.GetDynamicActiveClusters() {
			all = append(all, c.GetCluster())
		}
	case *adminv3.EndpointsConfigDump:
		for _, e := range dump.GetDynamicEndpointConfigs() {
			all = append(all, e.GetEndpointConfig())
		}
	default:
		return fmt.Errorf("%s is no part that is known here", config.GetTypeUrl())
	}
	for _, resource := range all {
		err = errors.Join(err, r.add(resource))
	}
	return err
}
