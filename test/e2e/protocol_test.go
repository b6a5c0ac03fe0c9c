package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/websocket"

	"credence/test/harness"
)

// grpcWeb puts Envoy's grpc_web filter before another one.
func grpcWeb(next string) func(*harness.Config) error {
	return func(c *harness.Config) error {
		return insertFilter(c, next, map[string]any{
			"name":         "envoy.filters.http.grpc_web",
			"typed_config": map[string]any{"@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"},
		})
	}
}

// A gRPC-Web client gets the HTTP code either way. With grpc_web before
// ext_authz it gets the shape of gRPC, but Envoy's own code: our explicit
// RESOURCE_EXHAUSTED for a limit is lost and reads UNAVAILABLE.
func TestGRPCWebClientsAreRefusedInTheShapeThatTheFilterOrderGives(t *testing.T) {
	t.Parallel()
	before := gateway(t, grpcWeb("envoy.filters.http.ext_authz"))
	after := gateway(t, grpcWeb("envoy.filters.http.router"))
	good, spent := shared.newKey(t, nil), shared.newKey(t, limited(1))
	shared.get(t, "/spend", spent.header()).wantStatus(t, 200)
	contentType := [2]string{"content-type", "application/grpc-web+proto"}
	ask := func(d *deployment, headers ...[2]string) *reply {
		return d.send(t, "POST", "/pkg.Service/Method", append(headers, contentType, [2]string{"content-length", "0"})...)
	}
	for name, c := range map[string]struct {
		headers    [][2]string
		status     int
		grpcStatus string // with grpc_web before
		message    string
		code       string // with grpc_web after
	}{
		"no key": {nil, 401, "16", "An API key is required: send it in the header x-api-key or as a bearer token.", "missing_api_key"},
		"spent":  {[][2]string{spent.header()}, 429, "14", "Too many requests, slow down.", "rate_limited"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(before, c.headers...)
			r.wantStatus(t, c.status)
			for header, want := range map[string]string{
				"content-type": "application/grpc-web+proto", "grpc-status": c.grpcStatus, "grpc-message": c.message,
			} {
				if got := r.header.Get(header); got != want {
					t.Errorf("grpc_web before: %s = %q, want %q", header, got, want)
				}
			}
			r = ask(after, c.headers...)
			r.wantStatus(t, c.status)
			wantProblem(t, r, c.code)
			if got := r.header.Get("grpc-status"); got != "" {
				t.Errorf("grpc_web after: grpc-status %q, want none", got)
			}
		})
	}
	for _, d := range []*deployment{before, after} {
		ask(d, good.header()).wantStatus(t, 200)
	}
}

// websocketUpstream echoes frames and counts handshakes.
func websocketUpstream(t *testing.T, handshakes *atomic.Int64) netip.AddrPort {
	t.Helper()
	server := httptest.NewServer(websocket.Server{
		Handshake: func(*websocket.Config, *http.Request) error {
			handshakes.Add(1)
			return nil
		},
		Handler: func(conn *websocket.Conn) {
			var frame string
			for websocket.Message.Receive(conn, &frame) == nil {
				if websocket.Message.Send(conn, "echo "+frame) != nil {
					return
				}
			}
		},
	})
	t.Cleanup(server.Close)
	return netip.MustParseAddrPort(server.Listener.Addr().String())
}

// An upgrade is a request like any other: allowed, its frames flow; refused,
// it is an HTTP denial and nothing is upgraded.
func TestAWebSocketIsCheckedAtItsUpgrade(t *testing.T) {
	t.Parallel()
	var handshakes atomic.Int64
	upstream := websocketUpstream(t, &handshakes)
	d := &deployment{home: t.TempDir()}
	d.envoy = envoyOf(t, shared.credence.Check, upstream, d.home, func(c *harness.Config) error {
		return c.Add(harness.HCMPlace+"/upgrade_configs", []any{map[string]any{"upgrade_type": "websocket"}})
	})
	k := shared.newKey(t, nil)

	config, err := websocket.NewConfig("ws://"+d.envoy.Address+"/socket", "http://gateway.test")
	if err != nil {
		t.Fatal(err)
	}
	config.Header = http.Header{"X-Api-Key": {k.text}}
	raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.envoy.Address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := websocket.NewClient(config, raw)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, conn)
	for _, frame := range []string{"one", "two"} {
		var got string
		if err := websocket.Message.Send(conn, frame); err != nil {
			t.Fatal(err)
		}
		if err := websocket.Message.Receive(conn, &got); err != nil || got != "echo "+frame {
			t.Fatalf("received %q, %v; want %q", got, err, "echo "+frame)
		}
	}
	if got := handshakes.Load(); got != 1 {
		t.Errorf("%d handshakes, want 1", got)
	}
	for _, text := range []string{"", "nonsense"} {
		r := upgrade(t, d, text)
		r.wantStatus(t, 401)
		if r.header.Get("upgrade") != "" {
			t.Errorf("the refusal says upgrade: %q", r.header.Get("upgrade"))
		}
	}
	if got := handshakes.Load(); got != 1 {
		t.Errorf("%d handshakes after the refusals, want 1: one passed", got)
	}
	// As shipped, no upgrade is accepted, whoever asks.
	upgrade(t, shared, k.text).wantStatus(t, 403)
}

// upgrade asks for a WebSocket as a client would and answers what came back.
func upgrade(t *testing.T, d *deployment, text string) *reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.envoy.Address+"/socket", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13",
		"Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "X-Api-Key": text,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // its status is what counts
	return &reply{status: response.StatusCode, header: response.Header}
}

// A TCP proxy may ask as well. Such a Check has no request in it: nobody can
// be known by it, so the connection is closed.
func TestAConnectionWithoutARequestIsClosed(t *testing.T) {
	t.Parallel()
	d := gateway(t, func(c *harness.Config) error {
		if err := c.CopyListener("tcp"); err != nil {
			return err
		}
		return c.Set(harness.In("tcp", harness.ListenerPlace)+"/filter_chains/0/filters", []any{
			map[string]any{"name": "envoy.filters.network.ext_authz", "typed_config": map[string]any{
				"@type":       "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
				"stat_prefix": "tcp", "transport_api_version": "V3",
				"grpc_service": map[string]any{"timeout": "5s", "envoy_grpc": map[string]any{"cluster_name": "credence"}},
			}},
			map[string]any{"name": "envoy.filters.network.tcp_proxy", "typed_config": map[string]any{
				"@type":       "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
				"stat_prefix": "tcp", "cluster": "upstream",
			}},
		})
	})
	to, err := d.envoy.Listener(t.Context(), "tcp")
	if err != nil {
		t.Fatal(err)
	}
	k := shared.newKey(t, nil)
	if r, err := (visit{to: to, path: "/tcp", headers: [][2]string{k.header()}}).make(t.Context()); err == nil {
		t.Errorf("status %d, want a closed connection", r.status)
	}
	stats, err := d.envoy.Stats(t.Context(), "ext_authz.tcp.")
	if err != nil {
		t.Fatal(err)
	}
	if stats["ext_authz.tcp.denied"] != 1 || stats["ext_authz.tcp.error"] != 0 || stats["ext_authz.tcp.ok"] != 0 {
		t.Errorf("counters %v; want one denial", stats)
	}
}
