package e2e_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"credence/management/client"
	"credence/test/harness"
)

// The addresses of the matrix. An Envoy appends a loopback peer to
// x-forwarded-for as an address of its own, so peers that matter come by PROXY
// protocol.
const (
	caller = "203.0.113.7"  // a client
	front  = "192.0.2.9"    // a proxy of ours, in 192.0.2.0/24
	first  = "198.51.100.1" // what x-forwarded-for says, from the left
	second = "198.51.100.2"
)

// proxyV1 is the text form of a PROXY protocol header.
func proxyV1(source string) string {
	return "PROXY TCP4 " + source + " 192.0.2.200 40000 443\r\n"
}

// proxyV2 is the binary form: signature, version 2 and PROXY, TCP over IPv4,
// length, two addresses, two ports.
func proxyV2(source string) string {
	from, to := netip.MustParseAddr(source).As4(), [4]byte{192, 0, 2, 200}
	return "\r\n\r\n\x00\r\nQUIT\n" + "\x21\x11\x00\x0c" + string(from[:]) + string(to[:]) + "\x9c\x40\x01\xbb"
}

// proxyProtocol makes a listener demand a PROXY protocol header, v1 or v2.
func proxyProtocol(c *harness.Config, listener string) error {
	return c.Add(harness.In(listener, harness.ListenerPlace)+"/listener_filters", []any{map[string]any{
		"name": "envoy.filters.listener.proxy_protocol",
		"typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
		},
	}})
}

// gate is one listener of the matrix.
type gate struct {
	proxy  bool // behind PROXY protocol
	remote bool // use_remote_address
	hops   int  // xff_num_trusted_hops
}

func (g gate) name() string {
	return fmt.Sprintf("proxy=%t,remote=%t,hops=%d", g.proxy, g.remote, g.hops)
}

func (g gate) add(c *harness.Config) error {
	if err := c.CopyListener(g.name()); err != nil {
		return err
	}
	hcm := harness.In(g.name(), harness.HCMPlace)
	if err := c.Set(hcm+"/use_remote_address", g.remote); err != nil {
		return err
	}
	if err := c.Add(hcm+"/xff_num_trusted_hops", g.hops); err != nil {
		return err
	}
	// What each side takes for the client, told to the client.
	told := []any{
		told("x-told-envoy", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
		told("x-told-credence", "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:credence:client)%"),
	}
	if err := c.Add(hcm+"/route_config/virtual_hosts/all/response_headers_to_add", told); err != nil {
		return err
	}
	if g.proxy {
		return proxyProtocol(c, g.name())
	}
	return nil
}

func told(name, value string) any {
	return map[string]any{
		"header": map[string]any{"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
	}
}

// envoyClient is whom Envoy takes for the client (facts: a list that is too
// short leaves the peer).
func (g gate) envoyClient(peer string, xff []string) string {
	back := g.hops // how many entries of the received list stand to the right
	if g.remote {
		back-- // the peer itself is one
	}
	if at := len(xff) - 1 - back; back >= 0 && at >= 0 {
		return xff[at]
	}
	return peer
}

// seen is the list that Credence gets.
func (g gate) seen(peer string, xff []string) []string {
	if g.remote {
		return append(slices.Clone(xff), peer)
	}
	return xff
}

// addressSources are the ways to tell Credence who the client is, and whom it
// must then take for it: "" is a refusal, because there is no such address.
func addressSources() map[string]struct {
	flags []string
	want  func(g gate, peer string, xff []string) string
} {
	type source = struct {
		flags []string
		want  func(g gate, peer string, xff []string) string
	}
	return map[string]source{
		"peer": {[]string{"--client-source", "peer"}, func(_ gate, peer string, _ []string) string { return peer }},
		"header": {nil, func(g gate, peer string, xff []string) string {
			return g.envoyClient(peer, xff)
		}},
		"one hop": {[]string{"--client-source", "xff", "--client-trusted-hops", "1"}, func(g gate, peer string, xff []string) string {
			if list := g.seen(peer, xff); len(list) >= 2 {
				return list[len(list)-2]
			}
			return ""
		}},
		"networks": {[]string{"--client-source", "xff", "--client-trusted-cidrs", "192.0.2.0/24"}, func(_ gate, peer string, xff []string) string {
			if peer == front && len(xff) > 0 {
				return xff[len(xff)-1]
			}
			return peer
		}},
	}
}

// Every row of the trust table: with and without PROXY protocol (both forms),
// trusted hops, use_remote_address both ways, and each source that Credence
// can be told of. What a client writes decides only where the operator said
// that x-forwarded-for is somebody else's word.
func TestTheClientIsWhoTheConfiguredSourceSays(t *testing.T) {
	t.Parallel()
	var gates []gate
	for _, proxy := range []bool{false, true} {
		for _, remote := range []bool{false, true} {
			for _, hops := range []int{0, 1} {
				gates = append(gates, gate{proxy, remote, hops})
			}
		}
	}
	for name, source := range addressSources() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := own(t, func(c *harness.Config) error {
				for _, g := range gates {
					if err := g.add(c); err != nil {
						return err
					}
				}
				return nil
			}, source.flags...)
			k := d.newKey(t, nil)
			for _, g := range gates {
				to, err := d.envoy.Listener(t.Context(), g.name())
				if err != nil {
					t.Fatal(err)
				}
				for _, visitor := range g.visitors() {
					for _, xff := range [][]string{nil, {first}, {first, second}} {
						v := visit{to: to, from: visitor.from, hello: visitor.hello, path: "/who", headers: [][2]string{k.header()}}
						if len(xff) > 0 {
							v.headers = append(v.headers, [2]string{"x-forwarded-for", strings.Join(xff, ", ")})
						}
						t.Run(fmt.Sprintf("%s from %s, %d forwarded", g.name(), visitor.name, len(xff)), func(t *testing.T) {
							wantClient(t, v, source.want(g, visitor.address, xff), g.envoyClient(visitor.address, xff))
						})
					}
				}
			}
		})
	}
}

type visitor struct{ name, address, from, hello string }

func (g gate) visitors() []visitor {
	if !g.proxy {
		return []visitor{{"a peer", "127.0.0.33", "127.0.0.33", ""}}
	}
	return []visitor{
		{"v1", caller, "", proxyV1(caller)},
		{"v2", caller, "", proxyV2(caller)},
		{"v2 by our proxy", front, "", proxyV2(front)},
	}
}

// wantClient makes the visit and compares whom both sides took for the client.
func wantClient(t *testing.T, v visit, ours, envoys string) {
	t.Helper()
	r, err := v.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.header.Get("x-told-envoy"); got != envoys {
		t.Errorf("Envoy takes %q for the client, want %q", got, envoys)
	}
	if got := r.header.Get("x-told-credence"); got != ours {
		t.Errorf("Credence takes %q for the client, want %q", got, ours)
	}
	want := 200
	if ours == "" {
		want = 400
	}
	r.wantStatus(t, want)
}

// x-envoy-external-address is Envoy's word only where use_remote_address is
// on. Elsewhere a client writes it, which is why no page of ours names it as a
// source.
func TestTheExternalAddressHeaderIsForgeableWithoutUseRemoteAddress(t *testing.T) {
	t.Parallel()
	gates := []gate{{true, true, 0}, {true, false, 0}}
	d := gateway(t, func(c *harness.Config) error {
		for _, g := range gates {
			if err := g.add(c); err != nil {
				return err
			}
		}
		return nil
	})
	k := shared.newKey(t, nil)
	for _, g := range gates {
		to, err := d.envoy.Listener(t.Context(), g.name())
		if err != nil {
			t.Fatal(err)
		}
		r, err := visit{to: to, hello: proxyV1(caller), path: "/external", headers: [][2]string{
			k.header(), {"x-envoy-external-address", "198.51.100.77"},
		}}.make(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := "198.51.100.77"
		if g.remote {
			want = caller
		}
		if got := r.echoed(t).Values("x-envoy-external-address"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: x-envoy-external-address = %q, want %q", g.name(), got, want)
		}
	}
}

// A connection that should begin with a PROXY header and does not is closed:
// nobody reaches such a listener around the load balancer unseen.
func TestAListenerBehindPROXYProtocolTakesNothingElse(t *testing.T) {
	t.Parallel()
	d := gateway(t, func(c *harness.Config) error { return proxyProtocol(c, "gateway") })
	k := shared.newKey(t, nil)
	r, err := visit{to: d.envoy.Address, path: "/bare", headers: [][2]string{k.header()}}.make(t.Context())
	if err == nil {
		t.Errorf("status %d, want a closed connection", r.status)
	}
	counters, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counters["ok"]+counters["denied"]+counters["error"] != 0 {
		t.Errorf("counters %v; want no Check", counters)
	}
}

// Whatever a client writes into x-forwarded-for, its address limit and the
// blacklist are about its own address.
func TestForgedForwardingPassesNoAddressLimitAndNoBlacklist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source []string
		change func(*harness.Config) error
		// A visit by the client with that address: what the proxies in front
		// of Envoy write stands behind what the client wrote.
		by func(address string) visit
	}{
		"peer behind PROXY protocol": {
			source: []string{"--client-source", "peer"},
			change: func(c *harness.Config) error { return proxyProtocol(c, "gateway") },
			by: func(address string) visit {
				return visit{hello: proxyV2(address), headers: [][2]string{{"x-forwarded-for", "%"}}}
			},
		},
		"Envoy's word at the edge": {
			change: func(c *harness.Config) error { return proxyProtocol(c, "gateway") },
			by: func(address string) visit {
				return visit{hello: proxyV1(address), headers: [][2]string{
					{"x-forwarded-for", "%"}, {"x-client-ip", "%"}, {"x-envoy-external-address", "%"}, {"x-real-ip", "%"},
				}}
			},
		},
		"one hop behind a proxy that appends": {
			source: []string{"--client-source", "xff", "--client-trusted-hops", "1"},
			change: func(c *harness.Config) error {
				if err := proxyProtocol(c, "gateway"); err != nil {
					return err
				}
				return c.Add(harness.HCMPlace+"/xff_num_trusted_hops", 1)
			},
			by: func(address string) visit {
				return visit{hello: proxyV2(front), headers: [][2]string{{"x-forwarded-for", "%, " + address}}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := own(t, c.change, append(c.source, "--address-limit", "3/h burst 3")...)
			k := d.newKey(t, nil)
			forged := 0
			status := func(address string) int {
				v := c.by(address)
				v.to, v.path = d.envoy.Address, "/limited"
				forged++
				for i := range v.headers {
					v.headers[i][1] = strings.ReplaceAll(v.headers[i][1], "%", fmt.Sprintf("198.51.100.%d", forged))
				}
				v.headers = append(v.headers, k.header())
				r, err := v.make(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return r.status
			}
			for i, want := range []int{200, 200, 200, 429, 429} {
				if got := status("203.0.113.50"); got != want {
					t.Errorf("request %d of one address got %d, want %d", i+1, got, want)
				}
			}
			if got := status("203.0.113.51"); got != 200 {
				t.Errorf("another address got %d, want 200", got)
			}
			if _, err := d.api.BlacklistAdd(t.Context(), client.BlacklistAddInput{
				Body: client.BlacklistAdd{Network: "203.0.113.60/32", Reason: "end-to-end test"},
			}); err != nil {
				t.Fatal(err)
			}
			// The limit is asked after the blacklist, so it does not get in the way.
			err := harness.Until(t.Context(), harness.Patience, "the rule is in force", func() error {
				if got := status("203.0.113.60"); got != 403 {
					return fmt.Errorf("status %d", got)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if got := status("203.0.113.60"); got != 403 {
					t.Errorf("a blacklisted address got %d, want 403", got)
				}
			}
		})
	}
}
