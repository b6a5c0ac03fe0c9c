package harness

import (
	"net/netip"
	"strings"
	"testing"
)

func TestShippedConfigIsChangedAtItsOwnPlaces(t *testing.T) {
	c, err := ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	wiring := Wiring{
		Gateway: AnyPort(), Admin: AnyPort(), AccessLog: "/tmp/access.log",
		Credence: netip.MustParseAddrPort("127.0.0.1:1234"), Upstream: netip.MustParseAddrPort("127.0.0.1:5678"),
	}
	if err := c.Wire(wiring); err != nil {
		t.Fatal(err)
	}
	port, err := c.Get(CredencePlace + "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value")
	if err != nil || port != 1234 {
		t.Errorf("port of cluster credence = %v, %v; want 1234", port, err)
	}
	if err := c.Prepend(RoutesPlace, map[string]any{"name": "first"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(RoutesPlace + "/first/name"); err != nil {
		t.Error(err)
	}
}

func TestAPlaceThatIsNotThereIsAnError(t *testing.T) {
	c, err := ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"static_resource", "static_resources/listeners/other/address", HCMPlace + "/use_remote_port"} {
		if err := c.Set(place, true); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("Set(%s) = %v; want an error that names the place", place, err)
		}
	}
	if err := c.Append(HCMPlace+"/use_remote_address", 1); err == nil {
		t.Error("Append to something that is no list succeeded")
	}
	if err := c.Wire(Wiring{}); err == nil {
		t.Error("Wire without addresses succeeded")
	}
}
