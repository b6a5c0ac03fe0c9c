package e2e_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"credence/extauthz"
	"credence/test/harness"
)

// scriptHeader names the answer that a request wants from the script.
const scriptHeader = "x-script"

// script is an ext_authz server that answers what a test wants to see Envoy
// do with it. Only the behaviour of Envoy is tested with it: what Credence
// relies on, and what it must therefore not send.
type script struct {
	address netip.AddrPort
	answers map[string]func() (*authv3.CheckResponse, error)

	mu     sync.Mutex
	checks map[string]int
}

// scripted starts a script with a set of answers.
func scripted(t *testing.T, answers map[string]func() (*authv3.CheckResponse, error)) *script {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", harness.AnyPort().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &script{
		address: netip.MustParseAddrPort(listener.Addr().String()), answers: answers, checks: map[string]int{},
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, s)
	checks := health.NewServer()
	checks.SetServingStatus(extauthz.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, checks)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// Check answers as the request asks.
func (s *script) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	name := ""
	for _, h := range r.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
		if h.GetKey() == scriptHeader {
			name = string(h.GetRawValue())
		}
	}
	s.mu.Lock()
	s.checks[name]++
	s.mu.Unlock()
	answer, ok := s.answers[name]
	if !ok {
		return nil, errors.New("the script has no answer " + name)
	}
	return answer()
}

// asked is how many Checks wanted an answer.
func (s *script) asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checks[name]
}

// The listeners of a scripted gateway: "gateway" as shipped but for the lines
// that hide what Envoy does, "strict" with validate_mutations, "open" with
// failure_mode_allow.
func scriptedGates(c *harness.Config) error {
	for _, place := range []string{"/validate_mutations", "/failure_mode_allow"} {
		if err := c.Set(harness.ExtAuthzPlace+place, false); err != nil {
			return err
		}
	}
	// Whatever the script wants to change it may.
	if err := c.Set(harness.ExtAuthzPlace+"/decoder_header_mutation_rules", nil); err != nil {
		return err
	}
	if err := c.Prepend(harness.RoutesPlace, map[string]any{
		"name": "answers", "match": map[string]any{"prefix": "/up"}, "route": map[string]any{"cluster": "upstream"},
		"response_headers_to_add": []any{told("x-answer", "up")},
	}); err != nil {
		return err
	}
	for name, place := range map[string]string{"strict": "/validate_mutations", "open": "/failure_mode_allow"} {
		if err := c.CopyListener(name); err != nil {
			return err
		}
		if err := c.Set(harness.In(name, harness.ExtAuthzPlace+place), true); err != nil {
			return err
		}
	}
	return nil
}

// scriptedGateway starts an Envoy that asks the script.
func scriptedGateway(t *testing.T, s *script, change func(*harness.Config) error) *deployment {
	t.Helper()
	d := &deployment{echo: shared.echo, home: t.TempDir()}
	d.envoy = envoyOf(t, s.address, d.echo.Address, d.home, change)
	return d
}

// ask makes a request that wants an answer, on a listener.
func (d *deployment) ask(t *testing.T, listener, path, name string, headers ...[2]string) *reply {
	t.Helper()
	to, err := d.envoy.Listener(t.Context(), listener)
	if err != nil {
		t.Fatal(err)
	}
	r, err := visit{to: to, path: path, headers: append(headers, [2]string{scriptHeader, name})}.make(t.Context())
	if err != nil {
		t.Fatalf("%s %s: %v", listener, name, err)
	}
	return r
}

// The parts of answers.

func statusOf(code codes.Code) *status.Status { return &status.Status{Code: int32(code)} }

func allowWith(ok *authv3.OkHttpResponse) func() (*authv3.CheckResponse, error) {
	return func() (*authv3.CheckResponse, error) {
		return &authv3.CheckResponse{Status: statusOf(codes.OK), HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}, nil
	}
}

func denyWith(denied *authv3.DeniedHttpResponse) func() (*authv3.CheckResponse, error) {
	return func() (*authv3.CheckResponse, error) {
		return &authv3.CheckResponse{
			Status:       statusOf(codes.PermissionDenied),
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
		}, nil
	}
}

func errorWith(failed *authv3.DeniedHttpResponse) func() (*authv3.CheckResponse, error) {
	return func() (*authv3.CheckResponse, error) {
		return &authv3.CheckResponse{
			Status:       statusOf(codes.Unavailable),
			HttpResponse: &authv3.CheckResponse_ErrorResponse{ErrorResponse: failed},
		}, nil
	}
}

func httpStatus(code int) *typev3.HttpStatus {
	return &typev3.HttpStatus{Code: typev3.StatusCode(code)}
}

func pair(name, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, Value: value}
}
