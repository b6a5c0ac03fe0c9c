package gateways

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"credence/test/harness"
)

// recorder stands where Credence is, refuses everything, and keeps the last
// Check: what Envoy says cannot be seen from its answers alone.
type recorder struct {
	authv3.UnimplementedAuthorizationServer

	at     netip.AddrPort
	checks chan *authv3.CheckRequest
	hold   chan struct{} // when there is one, answers wait until it is closed
}

// Check keeps the request.
func (r *recorder) Check(_ context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	r.checks <- in
	if r.hold != nil {
		<-r.hold
	}
	return &authv3.CheckResponse{Status: &status.Status{Code: int32(codes.PermissionDenied)}}, nil
}

func (d *deployment) startRecorder() *recorder {
	d.t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(d.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	var options []grpc.ServerOption
	if d.signs != nil {
		certificate, key := d.signs.Server(d.t, time.Now(), checkName).Files(d.t, d.t.TempDir(), "server")
		secured, err := credentials.NewServerTLSFromFile(certificate, key)
		if err != nil {
			d.t.Fatal(err)
		}
		options = append(options, grpc.Creds(secured))
	}
	r := &recorder{at: netip.MustParseAddrPort(listener.Addr().String()), checks: make(chan *authv3.CheckRequest, 16)}
	server := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(server, r)
	alive := health.NewServer()
	alive.SetServingStatus("envoy.service.auth.v3.Authorization", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, alive)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	d.t.Cleanup(func() { server.Stop(); <-done })
	return r
}

// headerValues are those of all entries of a header, byte for byte.
func headerValues(h *corev3.HeaderMap, name string) []string {
	var all []string
	for _, header := range h.GetHeaders() {
		if header.GetKey() == name {
			all = append(all, header.GetValue()+string(header.GetRawValue()))
		}
	}
	return all
}

// sayEverything proves that the gateway hides nothing from Credence: header
// lines one by one and byte by byte, the client's address in Envoy's words,
// what the route demands, and forged names, so that they can be removed.
func sayEverything(d *deployment) {
	t := d.t
	r := d.startRecorder()
	d.startEnvoy(r.at)
	visit := harness.Visit{To: d.envoy.Address, From: "127.0.0.77", Path: "/orders/1?a=b", Headers: [][2]string{
		{"x-api-key", "one"}, {"x-api-key", "two\xff"}, {"x-client-ip", "203.0.113.9"}, {"x.other.name", "kept"},
	}}
	reply, err := visit.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if reply.Status != 403 {
		t.Errorf("status %d, want 403 of the recorder", reply.Status)
	}
	check := (<-r.checks).GetAttributes()
	request := check.GetRequest().GetHttp()
	if n := len(request.GetHeaders()); n != 0 {
		t.Errorf("%d headers are joined and cleaned; want encode_raw_headers", n)
	}
	for name, want := range map[string][]string{
		"x-api-key": {"one", "two\xff"}, "x-client-ip": {"127.0.0.77"}, "x.other.name": {"kept"},
	} {
		if got := headerValues(request.GetHeaderMap(), name); !slices.Equal(got, want) {
			t.Errorf("Credence is told %s = %q, want %q", name, got, want)
		}
	}
	if got := check.GetContextExtensions()["credence.scopes"]; got != "orders:read" {
		t.Errorf("the route's demand arrives as %q", got)
	}
	if got := request.GetPath(); got != "/orders/1?a=b" {
		t.Errorf("path %q", got)
	}
}
