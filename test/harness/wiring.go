package harness

import (
	"fmt"
	"net/netip"
)

// Places in the shipped configuration that tests and the demo change.
const (
	ListenerPlace = "static_resources/listeners/gateway"
	HCMPlace      = ListenerPlace + "/filter_chains/0/filters/envoy.filters.network.http_connection_manager/typed_config"
	ExtAuthzPlace = HCMPlace + "/http_filters/envoy.filters.http.ext_authz/typed_config"
	RoutesPlace   = HCMPlace + "/route_config/virtual_hosts/all/routes"
	ClustersPlace = "static_resources/clusters"
	CredencePlace = ClustersPlace + "/credence"
	UpstreamPlace = ClustersPlace + "/upstream"
)

// Wiring says where the parts listen. Port 0 lets Envoy pick a free one.
type Wiring struct {
	Gateway   netip.AddrPort // Envoy's listener
	Admin     netip.AddrPort // Envoy's admin interface
	Credence  netip.AddrPort // where Checks go
	Upstream  netip.AddrPort // where allowed requests go
	AccessLog string         // file
}

// Wire puts the addresses of this run into the configuration.
func (c *Config) Wire(w Wiring) error {
	sockets := []struct {
		place   string
		address netip.AddrPort
	}{
		{ListenerPlace + "/address/socket_address", w.Gateway},
		{"admin/address/socket_address", w.Admin},
		{CredencePlace + "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address", w.Credence},
		{UpstreamPlace + "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address", w.Upstream},
	}
	for _, s := range sockets {
		if !s.address.IsValid() {
			return fmt.Errorf("wire Envoy: no address for %s", s.place)
		}
		if err := c.Set(s.place+"/address", s.address.Addr().String()); err != nil {
			return err
		}
		if err := c.Set(s.place+"/port_value", int(s.address.Port())); err != nil {
			return err
		}
	}
	return c.Set(HCMPlace+"/access_log/envoy.access_loggers.file/typed_config/path", w.AccessLog)
}

// AnyPort is loopback with a port that the system picks.
func AnyPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
}
