package extauthz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"credence/extauthz/pipeline"
)

// rawCodec lets a client send bytes that no encoder would write.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("raw codec: %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("raw codec: %T", v)
	}
	*b = data.Materialize()
	return nil
}

// callRaw has a call send and receive bytes.
func callRaw() grpc.CallOption { return grpc.ForceCodecV2(rawCodec{}) }

func checkBytes(ctx context.Context, conn *grpc.ClientConn, request []byte) ([]byte, error) {
	var reply []byte
	err := conn.Invoke(ctx, "/"+ServiceName+"/Check", request, &reply, callRaw())
	return reply, err
}

func decoded(tb testing.TB, b []byte) *authv3.CheckResponse {
	tb.Helper()
	var m authv3.CheckResponse
	must(tb, proto.Unmarshal(b, &m))
	return &m
}

// TestAllowOverTheWire: a generated client gets what the decision said.
func TestAllowOverTheWire(t *testing.T) { onBoth(t, testAllowOverTheWire) }

func testAllowOverTheWire(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(allowsKey)))
	got, err := client(t, s.address).Check(t.Context(), getOrders())
	must(t, err)
	if got.GetStatus().GetCode() != 0 || setNames(got.GetOkResponse())["x-credence-owner"] != "team-orders" {
		t.Errorf("got %v", got)
	}
}

// TestRequestContentNeverFailsTheRPC: whatever a client or a proxy sends, the
// answer is a clean denial.
func TestRequestContentNeverFailsTheRPC(t *testing.T) { onBoth(t, testRequestContentNeverFailsTheRPC) }

func testRequestContentNeverFailsTheRPC(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(func(_ context.Context, r *pipeline.Request, d *pipeline.Decision) {
		d.Reason = pipeline.ReasonMalformedKey
		if r.Malformed || !r.HTTP {
			d.Reason = pipeline.ReasonBadRequest
		}
	})))
	conn := dial(t, s.address)
	key := func(value []byte) []byte {
		return httpCheck(str(2, "GET"), str(4, "/"), sub(13, sub(1, str(1, "x-api-key"), sub(3, value))))
	}
	for name, request := range map[string][]byte{
		"nothing":                 {},
		"L4":                      from(sub(1, str(2, "10.0.0.1"))),
		"CONNECT":                 httpCheck(str(2, "CONNECT"), str(5, "db:5432")),
		"no path":                 httpCheck(str(2, "GET")),
		"not UTF-8 in the map":    httpCheck(str(4, "/\xff"), sub(3, str(1, "x-api-key"), str(2, "\xff\xfe"))),
		"not UTF-8 in raw header": key([]byte{0xff, 0, 0xfe}),
		"oversize key":            key(bytes.Repeat([]byte("k"), 512<<10)),
		"no protobuf":             []byte("GET / HTTP/1.1\r\n\r\n"),
		"cut off":                 marshal(t, getOrders())[:100],
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := checkBytes(t.Context(), conn, request)
			if err != nil {
				t.Fatalf("the RPC failed: %v", err)
			}
			if m := decoded(t, reply); m.GetStatus().GetCode() == 0 {
				t.Errorf("allowed: %v", m)
			}
		})
	}
}

// TestMessageOverTheCapFailsTheRPC and is counted: nobody can answer what was
// not read.
func TestMessageOverTheCapFailsTheRPC(t *testing.T) { onBoth(t, testMessageOverTheCapFailsTheRPC) }

func testMessageOverTheCapFailsTheRPC(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(allowsKey)))
	_, err := checkBytes(t.Context(), dial(t, s.address), make([]byte, defaultMaxMessage+1))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
	if got := metric(t, s.metrics.unreadable); got != 1 {
		t.Errorf("counted %v", got)
	}
}

// TestPanicFailsTheRPCWithoutASecret: the caller gets INTERNAL, the log the
// place, nobody the content; the server goes on.
func TestPanicFailsTheRPCWithoutASecret(t *testing.T) { onBoth(t, testPanicFailsTheRPCWithoutASecret) }

func testPanicFailsTheRPCWithoutASecret(t *testing.T) {
	t.Helper()
	const secret = "crd_live_secret"
	var log bytes.Buffer
	var crash atomic.Bool
	o := testOptions(decideFunc(func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) {
		if crash.Load() {
			panic("cannot handle " + secret)
		}
		allowsKey(ctx, r, d)
	}))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := serve(t, o)
	c := client(t, s.address)

	crash.Store(true)
	_, err := c.Check(t.Context(), getOrders())
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	crash.Store(false)
	if _, err := c.Check(t.Context(), getOrders()); err != nil {
		t.Errorf("after the panic: %v", err)
	}
	must(t, s.stop())
	if got := metric(t, s.metrics.panics); got != 1 {
		t.Errorf("counted %v", got)
	}
	if text := log.String(); !strings.Contains(text, "check panicked") || !strings.Contains(text, "server_test.go") || strings.Contains(text, secret) {
		t.Errorf("log: %s", text)
	}
}

// TestRuntimePanicsAreNamed: those of the runtime quote no request.
func TestRuntimePanicsAreNamed(t *testing.T) {
	var log bytes.Buffer
	o := testOptions(decideFunc(func(_ context.Context, r *pipeline.Request, _ *pipeline.Decision) {
		_ = r.Headers[len(r.Headers)]
	}))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if reply, err := newServer(t, o).check(t.Context(), func(any) error { return nil }); reply != nil || status.Code(err) != codes.Internal {
		t.Errorf("got %v, %v", reply, err)
	}
	if !strings.Contains(log.String(), "index out of range") {
		t.Errorf("log: %s", log.String())
	}
}

// TestLateAllowIsSuppressed: Envoy accepts an answer that arrives in a race
// with its own timeout, so after the deadline there is only the context's
// error.
func TestLateAllowIsSuppressed(t *testing.T) {
	for name, want := range map[string]codes.Code{"cancelled": codes.Canceled, "deadline": codes.DeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			if want == codes.DeadlineExceeded {
				ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
			}
			defer cancel()
			s := newServer(t, testOptions(decideFunc(func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) {
				cancel()
				allowsKey(ctx, r, d)
			})))
			reply, err := s.check(ctx, func(any) error { return nil })
			if reply != nil || status.Code(err) != want {
				t.Errorf("got %v, %v", reply, err)
			}
			if metric(t, s.metrics.late) != 1 || metric(t, s.metrics.allow[pipeline.ReasonAllowed]) != 0 {
				t.Error("not counted as late, or counted as allowed")
			}
		})
	}
}

// TestAnswerWithoutStatusIsRefused: an empty message would be an allow.
func TestAnswerWithoutStatusIsRefused(t *testing.T) {
	for name, out := range map[string][]byte{
		"none": nil, "empty": {}, "status without code": {tagStatus, 0},
		"something else first": appendEntry(nil, "a", "b"), "denied without status": appendField(nil, tagDenied, "body"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testOptions(decideFunc(allowsKey)))
			c := s.checks.get()
			if out != nil {
				c.out = &out
			}
			if reply, err := s.finish(t.Context(), c, time.Now()); reply != nil || status.Code(err) != codes.Internal {
				t.Errorf("the server sends %v, %v", reply, err)
			}
			if metric(t, s.metrics.noStatus) != 1 {
				t.Error("not counted")
			}
			if data, err := newCodec().Marshal(c); data != nil || err == nil {
				t.Errorf("the codec writes %v, %v", data, err)
			}
		})
	}
}

// TestConcurrentChecksDoNotMix: pooled state and buffers carry nothing from
// one Check into another.
func TestConcurrentChecksDoNotMix(t *testing.T) { onBoth(t, testConcurrentChecksDoNotMix) }

func testConcurrentChecksDoNotMix(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(func(_ context.Context, r *pipeline.Request, d *pipeline.Decision) {
		d.Reason = pipeline.ReasonAllowed
		d.Key = &pipeline.Key{KeyID: string(r.Header("x-name")), Scopes: string(r.Path)}
	})))
	conn := dial(t, s.address)
	var g errgroup.Group
	for worker := range 16 {
		g.Go(func() error {
			for i := range 100 {
				name := fmt.Sprintf("key-%d-%d", worker, i)
				path := "/" + strings.Repeat("p", (worker*37+i*13)%200)
				filler := str(11, strings.Repeat("body", (worker*i)%2000))
				reply, err := checkBytes(t.Context(), conn, httpCheck(str(4, path), filler, sub(3, str(1, "x-name"), str(2, name))))
				if err != nil {
					return err
				}
				var m authv3.CheckResponse
				if err := proto.Unmarshal(reply, &m); err != nil {
					return err
				}
				if set := setNames(m.GetOkResponse()); set["x-credence-key-id"] != name || set["x-credence-scopes"] != path {
					return fmt.Errorf("asked as %s, %s: answered %v", name, path, set)
				}
			}
			return nil
		})
	}
	must(t, g.Wait())
}

// TestHealthFollowsReadiness: both names, NOT_SERVING until the first
// snapshot, and NOT_SERVING or gone when the server drains.
func TestHealthFollowsReadiness(t *testing.T) { onBoth(t, testHealthFollowsReadiness) }

func testHealthFollowsReadiness(t *testing.T) {
	t.Helper()
	ready := make(chan struct{})
	o := testOptions(decideFunc(allowsKey))
	o.Ready = ready
	s := serve(t, o)
	health := grpc_health_v1.NewHealthClient(dial(t, s.address))
	var watches []grpc.ServerStreamingClient[grpc_health_v1.HealthCheckResponse]
	for _, name := range []string{"", ServiceName} {
		in := &grpc_health_v1.HealthCheckRequest{Service: name}
		got, err := health.Check(t.Context(), in)
		must(t, err)
		if got.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			t.Errorf("%q before ready: %v", name, got)
		}
		w, err := health.Watch(t.Context(), in)
		must(t, err)
		watches = append(watches, w)
	}
	if err := s.Ready().Check(); err == nil || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("ready before ready: %v", err)
	}
	early, err := client(t, s.address).Check(t.Context(), getOrders())
	must(t, err)
	if early.GetDeniedResponse().GetStatus().GetCode() != 503 {
		t.Errorf("a Check before the first snapshot: %v", early)
	}
	close(ready)
	for _, w := range watches {
		for state := grpc_health_v1.HealthCheckResponse_NOT_SERVING; state != grpc_health_v1.HealthCheckResponse_SERVING; {
			got, err := w.Recv()
			must(t, err)
			state = got.GetStatus()
		}
	}
	must(t, s.Ready().Check())
	if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
	must(t, s.stop())
	for _, w := range watches {
		for err := error(nil); err == nil; {
			var got *grpc_health_v1.HealthCheckResponse
			if got, err = w.Recv(); err == nil && got.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
				t.Error("SERVING after the drain")
			}
		}
	}
	if err := s.Ready().Check(); err == nil || err.Error() != "draining" {
		t.Errorf("ready after the drain: %v", err)
	}
}

// TestUnixSocket: the same over a socket file.
func TestUnixSocket(t *testing.T) { onBoth(t, testUnixSocket) }

func testUnixSocket(t *testing.T) {
	t.Helper()
	address := "unix:" + filepath.Join(t.TempDir(), "check.sock")
	l, err := Listen(t.Context(), address)
	must(t, err)
	run(t, newServer(t, testOptions(decideFunc(allowsKey))), l)
	if _, err := client(t, address).Check(t.Context(), getOrders()); err != nil {
		t.Error(err)
	}
}

// TestGracefulStopUnderLoadLosesNothing: two replicas behind a client that
// balances; one stops while Checks run; every Check is answered.
func TestGracefulStopUnderLoadLosesNothing(t *testing.T) {
	onBoth(t, testGracefulStopUnderLoadLosesNothing)
}

func testGracefulStopUnderLoadLosesNothing(t *testing.T) {
	t.Helper()
	first, second := serve(t, testOptions(decideFunc(allowsKey))), serve(t, testOptions(decideFunc(allowsKey)))
	r := manual.NewBuilderWithScheme("replicas")
	r.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: first.address}, {Addr: second.address}}})
	conn, err := grpc.NewClient("replicas:///check", grpc.WithResolvers(r),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	must(t, err)
	defer func() { must(t, conn.Close()) }()
	c := authv3.NewAuthorizationClient(conn)

	var answered atomic.Int64
	busy, stopped := make(chan struct{}), make(chan struct{})
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for after := 0; after < 50; {
				if _, err := c.Check(t.Context(), getOrders(), grpc.WaitForReady(true)); err != nil {
					return err
				}
				if answered.Add(1) == 200 {
					close(busy)
				}
				select {
				case <-stopped:
					after++
				default:
				}
			}
			return nil
		})
	}
	<-busy
	if metric(t, first.metrics.allow[pipeline.ReasonAllowed]) == 0 {
		t.Error("the first replica had nothing to do, the test proves nothing")
	}
	must(t, first.stop())
	close(stopped)
	must(t, g.Wait())
}

// TestStopCutsOffWhatDoesNotFinish: a Check that hangs does not hold up the
// process for longer than the drain timeout.
func TestStopCutsOffWhatDoesNotFinish(t *testing.T) { onBoth(t, testStopCutsOffWhatDoesNotFinish) }

func testStopCutsOffWhatDoesNotFinish(t *testing.T) {
	t.Helper()
	started := make(chan struct{})
	o := testOptions(decideFunc(func(ctx context.Context, _ *pipeline.Request, d *pipeline.Decision) {
		close(started)
		<-ctx.Done()
		acceptKey(d)
	}))
	o.Drain = DrainOptions{Delay: time.Millisecond, Timeout: time.Millisecond}
	s := serve(t, o)
	failed := make(chan error)
	c := client(t, s.address)
	go func() {
		_, err := c.Check(t.Context(), getOrders())
		failed <- err
	}()
	<-started
	must(t, s.stop())
	if err := <-failed; err == nil {
		t.Error("the hanging Check was answered")
	}
}

// TestServeFailsWithItsListener: one listener that breaks ends the server.
func TestServeFailsWithItsListener(t *testing.T) { onBoth(t, testServeFailsWithItsListener) }

func testServeFailsWithItsListener(t *testing.T) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	if err := newServer(t, testOptions(decideFunc(allowsKey))).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// TestOptionsAreChecked: the error names the option.
func TestOptionsAreChecked(t *testing.T) {
	for option, spoil := range map[string]func(*Options){
		"Pipeline":                        func(o *Options) { o.Pipeline = nil },
		"Logger":                          func(o *Options) { o.Logger = nil },
		"Now":                             func(o *Options) { o.Now = nil },
		"Registerer":                      func(o *Options) { o.Registerer = nil },
		"Drain":                           func(o *Options) { o.Drain.Timeout = -1 },
		"Transport.Connections":           func(o *Options) { o.Transport.Connections = -1 },
		"Transport.ConnectionsOfOne":      func(o *Options) { o.Transport.ConnectionsOfOne = -1 },
		"Transport.MaxMessage":            func(o *Options) { o.Transport.MaxMessage = -1 },
		"Transport.MaxConnectionAgeGrace": func(o *Options) { o.Transport.MaxConnectionAgeGrace = -1 },
		"Transport.MinPing":               func(o *Options) { o.Transport.MinPing = 11 * time.Second },
		"Answer.Realm":                    func(o *Options) { o.Answer.Realm = "\n" },
		"Answer.Identity.Type":            func(o *Options) { o.Answer.Identity.Type.Name = "Host" },
	} {
		o := testOptions(decideFunc(allowsKey))
		spoil(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: %v", option, err)
		}
	}
	o := testOptions(decideFunc(allowsKey))
	newServer(t, o)
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "metrics") {
		t.Errorf("metrics registered twice: %v", err)
	}
}

// TestRawHeadersOfTheGeneratedTypes arrive as bytes.
func TestRawHeadersOfTheGeneratedTypes(t *testing.T) { onBoth(t, testRawHeadersOfTheGeneratedTypes) }

func testRawHeadersOfTheGeneratedTypes(t *testing.T) {
	t.Helper()
	var seen []byte
	s := serve(t, testOptions(decideFunc(func(_ context.Context, r *pipeline.Request, d *pipeline.Decision) {
		seen = bytes.Clone(r.Header("x-api-key"))
		d.Reason = pipeline.ReasonUnknownKey
	})))
	m := getOrders()
	h := m.GetAttributes().GetRequest().GetHttp()
	h.Headers, h.HeaderMap = nil, &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "x-api-key", RawValue: []byte("a\xff")}}}
	if _, err := client(t, s.address).Check(t.Context(), m); err != nil || string(seen) != "a\xff" {
		t.Errorf("saw %q, %v", seen, err)
	}
}

var errReader = errors.New("read failed")

// TestReadErrorsReleaseTheState: an RPC that breaks off is an error, and its
// text is that of gRPC.
func TestReadErrorsReleaseTheState(t *testing.T) {
	s := newServer(t, testOptions(decideFunc(allowsKey)))
	if reply, err := s.check(t.Context(), func(any) error { return errReader }); reply != nil || !errors.Is(err, errReader) {
		t.Errorf("got %v, %v", reply, err)
	}
	if s.metrics.inFlight.Load() != 0 {
		t.Error("still in flight")
	}
}
