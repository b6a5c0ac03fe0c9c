package extauthz

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"credence/extauthz/pipeline"
	"credence/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// decideFunc lets a test say the decision.
type decideFunc func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision)

func (f decideFunc) Decide(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) {
	f(ctx, r, d)
}

func testKey() *pipeline.Key {
	return &pipeline.Key{
		KeyID: "key_01", Namespace: "shop", Owner: "team-orders", KeyType: pipeline.SharedText("service"),
		Status: store.StatusActive, Plan: "gold", Scopes: "orders:read orders:write",
	}
}

// allowsKey accepts everything with the test key from the cache.
func allowsKey(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) { acceptKey(d) }

func acceptKey(d *pipeline.Decision) {
	d.Reason, d.Stage, d.Source = pipeline.ReasonAllowed, pipeline.StageLimit, pipeline.KeySourceCache
	d.Key = testKey()
	d.Client = netip.MustParseAddr("203.0.113.7")
	d.Credential.Header = "x-api-key"
	d.Limits = append(d.Limits, pipeline.LimitOutcome{
		Name: "default", Limit: 100, Period: time.Minute, Remaining: 42, Reset: 1500 * time.Millisecond,
	})
}

// spoken is the transport of the servers that tests make: what is wanted of one
// is wanted of both.
var spoken = TransportNative

// onBoth runs the test on both transports.
func onBoth(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("native", test)
	t.Run("grpc", func(t *testing.T) {
		spoken = TransportGRPC
		defer func() { spoken = TransportNative }()
		test(t)
	})
}

func testOptions(d decider) Options {
	return Options{
		Pipeline: d, Logger: slog.New(slog.DiscardHandler),
		Now: time.Now, Registerer: prometheus.NewRegistry(), Transport: TransportOptions{Kind: spoken},
	}
}

// served is a Check server on loopback, stopped with the test.
type served struct {
	*Server
	address string
	stop    func() error // begins the drain and waits for its end
}

func serve(tb testing.TB, o Options) *served {
	tb.Helper()
	l, err := Listen(tb.Context(), "127.0.0.1:0")
	must(tb, err)
	return run(tb, newServer(tb, o), l)
}

func newServer(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := New(o)
	must(tb, err)
	tb.Cleanup(s.transport.Stop) // which ends its workers
	return s
}

// must ends the test on an error that has nothing to do with what it tests.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func run(tb testing.TB, s *Server, l net.Listener) *served {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{})
	var failure error
	go func() {
		defer close(done)
		failure = s.Serve(ctx, l)
	}()
	stop := func() error {
		cancel()
		<-done
		return failure
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return &served{Server: s, address: l.Addr().String(), stop: stop}
}

// dial opens a plain client connection, closed before the server stops.
func dial(tb testing.TB, target string, opts ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient(target, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func client(tb testing.TB, target string) authv3.AuthorizationClient {
	tb.Helper()
	return authv3.NewAuthorizationClient(dial(tb, target))
}

// getOrders is an ordinary request as Envoy reports it.
func getOrders() *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{
				Address: "203.0.113.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 40312},
			},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "8123674231", Method: "GET", Path: "/orders?page=2", Host: "shop.example.com",
			Scheme: "https", Protocol: "HTTP/1.1",
			Headers: map[string]string{
				":authority": "shop.example.com", ":method": "GET", ":path": "/orders?page=2", ":scheme": "https",
				"accept": "*/*", "user-agent": "curl/8.5.0", "x-api-key": "crd_live_not_a_real_one",
				"x-forwarded-proto": "https", "x-request-id": "6f1c2b9e-0d5a-4f0e-9a57-1f1f6c7d2b11",
			},
		}},
		ContextExtensions: map[string]string{"credence.namespace": "shop"},
	}}
}
