package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"credence/test/harness"
)

// healthService is the route prefix of the gRPC service behind the gateway.
const healthService = "/grpc.health.v1.Health/"

// grpcUpstream serves the health service and answers its port.
func grpcUpstream(t *testing.T) int {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", harness.AnyPort().String())
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("gRPC upstream: %v", err)
		}
	})
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port())
}

// grpcRoutes sends the health service of the gateway to that port, demanding
// what the extensions say.
func grpcRoutes(port int, extensions map[string]any) func(*harness.Config) error {
	return func(c *harness.Config) error {
		cluster := map[string]any{
			"name": "grpc", "type": "STATIC",
			"load_assignment": map[string]any{"cluster_name": "grpc", "endpoints": []any{map[string]any{
				"lb_endpoints": []any{map[string]any{"endpoint": map[string]any{"address": map[string]any{
					"socket_address": map[string]any{"address": "127.0.0.1", "port_value": port},
				}}}},
			}}},
			"typed_extension_protocol_options": map[string]any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": map[string]any{
				"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				"explicit_http_config": map[string]any{"http2_protocol_options": map[string]any{}},
			}},
		}
		if err := c.Append(harness.ClustersPlace, cluster); err != nil {
			return err
		}
		r := route(healthService, extensions)
		r["route"] = map[string]any{"cluster": "grpc"}
		return c.Prepend(harness.RoutesPlace, r)
	}
}

// call makes one unary call and one streaming call through the gateway; both
// must end alike.
func call(t *testing.T, address string, headers ...string) *status.Status {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing left to lose
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), headers...), harness.Patience)
	defer cancel()
	client := grpc_health_v1.NewHealthClient(conn)
	_, err = client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	unary := status.Convert(err)

	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv() // the first message or the end
	}
	if streamed := status.Convert(err); streamed.Code() != unary.Code() {
		t.Errorf("the stream ended with %v, the unary call with %v", streamed, unary)
	}
	return unary
}

func TestGRPCCallersSeeTheRightCodes(t *testing.T) {
	port := grpcUpstream(t)
	open := gateway(t, grpcRoutes(port, map[string]any{"credence.cost": "1"}))
	scoped := gateway(t, grpcRoutes(port, map[string]any{"credence.scopes": "orders:read"}))
	wrong := gateway(t, grpcRoutes(port, map[string]any{"credence.cost": "many"}))
	good := shared.newKey(t, nil)
	spent := shared.newKey(t, limited(1))
	shared.get(t, "/spend", spent.header()).wantStatus(t, 200)

	for name, c := range map[string]struct {
		gateway *deployment
		headers []string
		code    codes.Code
		message string
	}{
		"a good key":            {open, []string{"x-api-key", good.text}, codes.OK, ""},
		"a good bearer":         {open, []string{"authorization", "Bearer " + good.text}, codes.OK, ""},
		"no key":                {open, nil, codes.Unauthenticated, "An API key is required: send it in the header x-api-key or as a bearer token."},
		"a bad key":             {open, []string{"x-api-key", "nonsense"}, codes.Unauthenticated, "The API key is not valid."},
		"two keys":              {open, []string{"x-api-key", good.text, "x-api-key", spent.text}, codes.InvalidArgument, "Send exactly one API key, in one place."},
		"a missing scope":       {scoped, []string{"x-api-key", good.text}, codes.PermissionDenied, "The API key lacks a scope that this request needs."},
		"a spent limit":         {open, []string{"x-api-key", spent.text}, codes.ResourceExhausted, "Too many requests, slow down."},
		"a route without sense": {wrong, []string{"x-api-key", good.text}, codes.Unavailable, "The request could not be checked, try again."},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, c.gateway.envoy.Address, c.headers...)
			if got.Code() != c.code || got.Message() != c.message {
				t.Errorf("%s %q, want %s %q", got.Code(), got.Message(), c.code, c.message)
			}
		})
	}
}

func TestGRPCCallersSeeUnavailableWhenTheServiceIsGone(t *testing.T) {
	d := own(t, grpcRoutes(grpcUpstream(t), nil))
	k := d.newKey(t, nil)
	if got := call(t, d.envoy.Address, "x-api-key", k.text); got.Code() != codes.OK {
		t.Fatalf("before: %s", got.Code())
	}
	d.credence.Kill()
	if got := call(t, d.envoy.Address, "x-api-key", k.text); got.Code() != codes.Unavailable {
		t.Errorf("%s, want %s: %s", got.Code(), codes.Unavailable, fmt.Sprint(got))
	}
}
