package e2e_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// outcome is what a client gets, and which counter of the filter says so.
type outcome struct {
	status  int
	body    string
	counter string
}

// wantOutcome asks and compares.
func (d *deployment) wantOutcome(t *testing.T, listener, name string, want outcome) *reply {
	t.Helper()
	before, err := d.envoy.ExtAuthzOf(t.Context(), listener)
	if err != nil {
		t.Fatal(err)
	}
	r := d.ask(t, listener, "/outcome", name)
	after, err := d.envoy.ExtAuthzOf(t.Context(), listener)
	if err != nil {
		t.Fatal(err)
	}
	if r.status != want.status || (want.status != 200 && r.body != want.body) {
		t.Errorf("%s on %s: %d %q, want %d %q", name, listener, r.status, r.body, want.status, want.body)
	}
	for _, counter := range []string{"ok", "denied", "error"} {
		more := int64(0)
		if counter == want.counter {
			more = 1
		}
		if grown := after[counter] - before[counter]; grown != more {
			t.Errorf("%s on %s: counter %s grew by %d, want %d", name, listener, counter, grown, more)
		}
	}
	return r
}

// What decides between open and closed in an answer: the status, never what
// else stands in it. An answer without one is an allow, which is why the last
// line of our server refuses to send it.
func TestEnvoyReadsTheStatusAndNothingElse(t *testing.T) {
	t.Parallel()
	empty := func(r *authv3.CheckResponse) func() (*authv3.CheckResponse, error) {
		return func() (*authv3.CheckResponse, error) { return r, nil }
	}
	denied := &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{Status: httpStatus(401)}}
	ok := &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}
	failing := func(code codes.Code) func() (*authv3.CheckResponse, error) {
		return func() (*authv3.CheckResponse, error) { return nil, status.Error(code, "scripted") }
	}
	answers := map[string]func() (*authv3.CheckResponse, error){
		"empty":                   empty(&authv3.CheckResponse{}),
		"no status, denied":       empty(&authv3.CheckResponse{HttpResponse: denied}),
		"status 0, denied":        empty(&authv3.CheckResponse{Status: statusOf(codes.OK), HttpResponse: denied}),
		"status 7, ok":            empty(&authv3.CheckResponse{Status: statusOf(codes.PermissionDenied), HttpResponse: ok}),
		"status 7, nothing":       empty(&authv3.CheckResponse{Status: statusOf(codes.PermissionDenied)}),
		"status 999":              empty(&authv3.CheckResponse{Status: statusOf(999)}),
		"denied without a number": denyWith(&authv3.DeniedHttpResponse{Body: "b"}),
		"denied 299":              denyWith(&authv3.DeniedHttpResponse{Status: httpStatus(299), Body: "b"}),
		"denied 65937":            denyWith(&authv3.DeniedHttpResponse{Status: httpStatus(65937), Body: "b"}),
		"unavailable":             failing(codes.Unavailable),
		"internal":                failing(codes.Internal),
		"permission denied":       failing(codes.PermissionDenied),
	}
	d := scriptedGateway(t, scripted(t, answers), scriptedGates)
	for name, want := range map[string]outcome{
		"empty": {200, "", "ok"}, "no status, denied": {200, "", "ok"}, "status 0, denied": {200, "", "ok"},
		"status 7, ok": {403, "", "denied"}, "status 7, nothing": {403, "", "denied"}, "status 999": {403, "", "denied"},
		"denied without a number": {403, "b", "denied"}, "denied 299": {299, "b", "denied"}, "denied 65937": {401, "b", "denied"},
		// A call that failed is an error, whatever its code: fail-open passes it.
		"unavailable": {503, "", "error"}, "internal": {503, "", "error"}, "permission denied": {503, "", "error"},
	} {
		d.wantOutcome(t, "gateway", name, want)
		if want.counter == "error" {
			want.status = 200
		}
		d.wantOutcome(t, "open", name, want)
	}
}

// Credence says an outage of its own with a denial, 503, which can never be
// let pass. The other way, error_response, depends on the release: 1.36 does
// not know it, and later ones let it pass where failure_mode_allow is on.
func TestErrorResponseDependsOnTheReleaseAndOurs503DoesNot(t *testing.T) {
	t.Parallel()
	busy := &authv3.DeniedHttpResponse{
		Status: httpStatus(503), Body: "busy",
		Headers: []*corev3.HeaderValueOption{appended{new(true), 0}.option("retry-after", "1")},
	}
	d := scriptedGateway(t, scripted(t, map[string]func() (*authv3.CheckResponse, error){
		"error":              errorWith(busy),
		"error, no number":   errorWith(&authv3.DeniedHttpResponse{Body: "busy"}),
		"error 200":          errorWith(&authv3.DeniedHttpResponse{Status: httpStatus(200), Body: "busy"}),
		"denied as ours are": denyWith(&authv3.DeniedHttpResponse{Status: httpStatus(503), Body: "busy"}),
	}), scriptedGates)
	unknown := outcome{403, "", "denied"}
	for name, known := range map[string]outcome{
		"error": {503, "busy", "error"}, "error, no number": {503, "busy", "error"}, "error 200": {200, "busy", "error"},
	} {
		want := expected(always(unknown), from(37, 0, known))
		r := d.wantOutcome(t, "gateway", name, want)
		if want.status == 200 && r.body != "busy" {
			t.Errorf("%s: body %q, want it answered by Envoy", name, r.body)
		}
		passed := outcome{200, "", known.counter}
		d.wantOutcome(t, "open", name, expected(always(unknown), from(37, 0, passed)))
	}
	if got, want := d.ask(t, "gateway", "/outcome", "error").header.Get("retry-after"), expected(always(""), from(37, 0, "1")); got != want {
		t.Errorf("retry-after of error_response = %q, want %q", got, want)
	}
	for _, listener := range []string{"gateway", "open"} {
		d.wantOutcome(t, listener, "denied as ours are", outcome{503, "busy", "denied"})
	}
}

// The shipped retry_policy asks again when a call failed as UNAVAILABLE, and
// after no answer of any kind.
func TestEnvoyAsksTwiceOnlyWhenACallFailedAsUnavailable(t *testing.T) {
	t.Parallel()
	busy := &authv3.DeniedHttpResponse{Status: httpStatus(503)}
	answers := map[string]func() (*authv3.CheckResponse, error){
		"error_response": errorWith(busy), "denied 503": denyWith(busy), "allowed": allowWith(&authv3.OkHttpResponse{}),
	}
	want := map[string]int{"error_response": 1, "denied 503": 1, "allowed": 1}
	for code, checks := range map[codes.Code]int{
		codes.Unavailable: 2, codes.Internal: 1, codes.ResourceExhausted: 1, codes.PermissionDenied: 1, codes.Unknown: 1,
	} {
		answers[code.String()] = func() (*authv3.CheckResponse, error) { return nil, status.Error(code, "scripted") }
		want[code.String()] = checks
	}
	s := scripted(t, answers)
	d := scriptedGateway(t, s, scriptedGates)
	for name, checks := range want {
		d.ask(t, "gateway", "/retry", name)
		if got := s.asked(name); got != checks {
			stats, err := d.envoy.Stats(t.Context(), "cluster.credence.upstream_rq")
			t.Errorf("%s: %d Checks, want %d; Envoy's counters: %v, %v", name, got, checks, stats, err)
		}
	}
}

// The body of a denial is cut at the configured length, on every release.
func TestEnvoyCutsTheBodyOfADenial(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 1000)
	d := scriptedGateway(t, scripted(t, map[string]func() (*authv3.CheckResponse, error){
		"long": denyWith(&authv3.DeniedHttpResponse{Status: httpStatus(403), Body: body}),
	}), scriptedGates)
	if got := d.ask(t, "gateway", "/long", "long"); got.status != 403 || got.body != body[:4096] {
		t.Errorf("%d with %d bytes, want 403 and the first 4096", got.status, len(got.body))
	}
}
