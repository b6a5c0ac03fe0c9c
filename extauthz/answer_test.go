package extauthz

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

func newTestAnswerer(tb testing.TB, o AnswerOptions) *answerer {
	tb.Helper()
	a, err := newAnswerer(o)
	must(tb, err)
	return a
}

// answered encodes the answer to a request and decodes it with the generated
// types.
func answered(tb testing.TB, a *answerer, request *authv3.CheckRequest, decide func(*pipeline.Decision)) *authv3.CheckResponse {
	tb.Helper()
	c := readBytes(marshal(tb, request))
	decide(&c.decision)
	a.answer(c)
	if !c.answered() {
		tb.Fatal("answer without a status")
	}
	var m authv3.CheckResponse
	must(tb, proto.Unmarshal(*c.out, &m))
	if err := m.ValidateAll(); err != nil {
		tb.Fatalf("answer breaks a rule of the API: %v", err)
	}
	return &m
}

// TestACallerWithoutAKeyIsToldWhereToPutIt, and only that caller: a 401 for a
// bad key says nothing more.
func TestACallerWithoutAKeyIsToldWhereToPutIt(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{KeyPlaces: "in the header x-key"})
	for _, request := range []*authv3.CheckRequest{getOrders(), postGRPC()} {
		body := func(r pipeline.Reason) string {
			return answered(t, a, request, func(d *pipeline.Decision) { d.Reason = r }).GetDeniedResponse().GetBody()
		}
		const says = "An API key is required: send it in the header x-key."
		if got := body(pipeline.ReasonMissingKey); !strings.Contains(got, says) {
			t.Errorf("body is %s, want %q in it", got, says)
		}
		if got := body(pipeline.ReasonUnknownKey); strings.Contains(got, "x-key") {
			t.Errorf("an unknown key is answered %s", got)
		}
	}
}

// postGRPC is what Envoy reports of a gRPC call.
func postGRPC() *authv3.CheckRequest {
	m := getOrders()
	h := m.GetAttributes().GetRequest().GetHttp()
	h.Method, h.Path, h.Protocol = "POST", "/shop.Orders/List", "HTTP/2"
	h.Headers["content-type"] = "application/grpc+proto"
	return m
}

// typical is a decision with everything that such a decision carries.
func typical(r pipeline.Reason) func(*pipeline.Decision) {
	return func(d *pipeline.Decision) {
		d.Reason, d.Stage = r, pipeline.StageEnd
		d.Client = netip.MustParseAddr("203.0.113.7")
		switch r {
		case pipeline.ReasonRateLimited, pipeline.ReasonQuotaExhausted:
			refused := r == pipeline.ReasonRateLimited
			d.Limits = []pipeline.LimitOutcome{
				{Name: "default", Limit: 100, Period: time.Minute, Reset: 1500 * time.Millisecond, Refused: refused},
				{Name: "daily", Quota: true, Limit: 10000, Period: 24 * time.Hour, Reset: 5 * time.Hour, Refused: !refused},
			}
			d.RetryAfter = 1200 * time.Millisecond
		case pipeline.ReasonScopeMissing:
			d.MissingScope = []byte("orders:write")
		case pipeline.ReasonAddressLimited, pipeline.ReasonTooManyFailures:
			d.RetryAfter = 90 * time.Second
		}
		if r == pipeline.ReasonAllowed {
			acceptKey(d)
		}
		if newRow(r).identified && r != pipeline.ReasonAllowed {
			d.Key, d.Source = testKey(), pipeline.KeySourceStore
		}
	}
}

func newRow(r pipeline.Reason) row {
	i := slices.IndexFunc(rows(), func(row row) bool { return row.reason == r })
	return rows()[i]
}

// TestAnswersAreGolden: the whole answer for every reason and both shapes of
// caller. Run with -update after a change that is meant.
func TestAnswersAreGolden(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{})
	folder := filepath.Join("testdata", "answer")
	known := map[string]bool{}
	for _, r := range pipeline.Reasons() {
		for shape, request := range map[string]*authv3.CheckRequest{"http": getOrders(), "grpc": postGRPC()} {
			name := r.String() + "." + shape + ".golden"
			known[name] = true
			t.Run(name, func(t *testing.T) {
				compareGolden(t, filepath.Join(folder, name), readable(t, answered(t, a, request, typical(r))))
			})
		}
	}
	files, err := os.ReadDir(folder)
	must(t, err)
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("%s belongs to no reason: remove it", f.Name())
		}
	}
}

// readable is JSON with sorted names.
func readable(t *testing.T, m proto.Message) []byte {
	t.Helper()
	compact, err := protojson.Marshal(m)
	must(t, err)
	var tree any
	must(t, json.Unmarshal(compact, &tree))
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	must(t, e.Encode(tree))
	return b.Bytes()
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("no golden file for this answer: run with -update and read what it says: %v", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestUnusableKeysLookAlike: the answers to a key that is malformed, unknown
// or in any state but active do not differ in a byte that a client sees.
func TestUnusableKeysLookAlike(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{})
	for _, request := range []*authv3.CheckRequest{getOrders(), postGRPC()} {
		want := answered(t, a, request, typical(pipeline.ReasonUnknownKey)).GetDeniedResponse()
		for _, r := range []pipeline.Reason{
			pipeline.ReasonMalformedKey, pipeline.ReasonRevoked, pipeline.ReasonDisabled,
			pipeline.ReasonSuspended, pipeline.ReasonExpired, pipeline.ReasonGraceEnded, pipeline.ReasonNotYetValid,
		} {
			if got := answered(t, a, request, typical(r)).GetDeniedResponse(); !proto.Equal(want, got) {
				t.Errorf("%s can be told from unknown_key: %v", r, got)
			}
		}
	}
}

// TestZeroDecisionIsDenied: nobody decided, so nobody passes.
func TestZeroDecisionIsDenied(t *testing.T) {
	for _, r := range []pipeline.Reason{pipeline.ReasonNone, 200} {
		m := answered(t, newTestAnswerer(t, AnswerOptions{}), getOrders(), func(d *pipeline.Decision) { d.Reason, d.Shadow = r, true })
		if m.GetStatus().GetCode() != int32(codes.Unavailable) || m.GetDeniedResponse().GetStatus().GetCode() != 503 {
			t.Errorf("reason %d: %v", r, m)
		}
	}
}

// TestMalformedIsDeniedWhateverTheDecision: the last line does not trust an
// allow on bytes that nobody could read.
func TestMalformedIsDeniedWhateverTheDecision(t *testing.T) {
	c := readBytes([]byte{0x0a, 0x7f})
	c.decision.Reason, c.decision.Key = pipeline.ReasonAllowed, testKey()
	newTestAnswerer(t, AnswerOptions{}).answer(c)
	var m authv3.CheckResponse
	must(t, proto.Unmarshal(*c.out, &m))
	if m.GetStatus().GetCode() == 0 || m.GetDeniedResponse().GetStatus().GetCode() != 503 {
		t.Errorf("malformed bytes got %v", &m)
	}
}

// TestUnspeakableQueryNameIsDenied: a parameter whose name cannot be sent in
// an answer cannot be removed, so the key would go on to the upstream.
func TestUnspeakableQueryNameIsDenied(t *testing.T) {
	m := answered(t, newTestAnswerer(t, AnswerOptions{}), getOrders(), func(d *pipeline.Decision) {
		d.Reason, d.Key, d.Credential.Query = pipeline.ReasonAllowed, testKey(), []byte("key\xff")
	})
	if m.GetStatus().GetCode() == 0 {
		t.Errorf("allowed: %v", m)
	}
}

// TestCredentialIsRemovedAsFound covers header and query, and what a watching
// route leaves alone.
func TestCredentialIsRemovedAsFound(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{})
	with := func(r pipeline.Reason, shadow bool, c pipeline.Credential) *authv3.OkHttpResponse {
		return answered(t, a, getOrders(), func(d *pipeline.Decision) {
			d.Reason, d.Shadow, d.Credential, d.Key = r, shadow, c, testKey()
		}).GetOkResponse()
	}
	header, query := pipeline.Credential{Header: "x-api-key"}, pipeline.Credential{Query: []byte("Api-Key")}
	if ok := with(pipeline.ReasonAllowed, false, header); !slices.Contains(ok.GetHeadersToRemove(), "x-api-key") {
		t.Error("the header stays")
	} else if len(ok.GetQueryParametersToRemove()) > 0 {
		t.Error("a query removal without need: Envoy would sort the query")
	}
	ok := with(pipeline.ReasonAllowed, false, query)
	if !slices.Equal(ok.GetQueryParametersToRemove(), []string{"Api-Key"}) || slices.Contains(ok.GetHeadersToRemove(), "x-api-key") {
		t.Errorf("removed parameters %q, headers %q", ok.GetQueryParametersToRemove(), ok.GetHeadersToRemove())
	}
	if ok := with(pipeline.ReasonScopeMissing, true, header); !slices.Contains(ok.GetHeadersToRemove(), "x-api-key") {
		t.Error("a watching route forwards a key that stood")
	}
	if ok := with(pipeline.ReasonUnknownKey, true, header); slices.Contains(ok.GetHeadersToRemove(), "x-api-key") {
		t.Error("a watching route takes away what only the upstream may know")
	}
}

// TestShadowAllowsAndSaysSo: a watching route lets pass and tells what would
// have happened; identity only where the key stood.
func TestShadowAllowsAndSaysSo(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{})
	for _, r := range pipeline.Reasons() {
		m := answered(t, a, getOrders(), func(d *pipeline.Decision) {
			typical(r)(d)
			d.Shadow, d.Key = true, testKey()
		})
		never := slices.Contains([]pipeline.Reason{
			pipeline.ReasonInternal, pipeline.ReasonBadRequest, pipeline.ReasonBlacklisted,
			pipeline.ReasonBadClientAddress, pipeline.ReasonBadRoutePolicy,
		}, r)
		want := decisionShadowDeny
		switch {
		case never:
			want = decisionDeny
		case r.Allowed():
			want = decisionAllow
		}
		got := credenceObject(t, m)
		if got["decision"] != want || got["reason"] != r.String() || got["mode"] != "shadow" {
			t.Errorf("%s: metadata %v, want decision %s", r, got, want)
		}
		if (m.GetStatus().GetCode() == 0) == never {
			t.Errorf("%s: status %d", r, m.GetStatus().GetCode())
		}
		if told := len(m.GetOkResponse().GetHeaders()) > 0; told != (newRow(r).identified && !never) {
			t.Errorf("%s: identity told: %v", r, told)
		}
	}
}

// TestNetworkChecksGetNoReply: a connection has nobody to read one.
func TestNetworkChecksGetNoReply(t *testing.T) {
	m := getOrders()
	m.GetAttributes().Request = nil
	got := answered(t, newTestAnswerer(t, AnswerOptions{}), m, typical(pipeline.ReasonBadRequest))
	if got.GetStatus().GetCode() != int32(codes.InvalidArgument) || got.GetHttpResponse() != nil {
		t.Errorf("got %v", got)
	}
}

// TestGRPCFilterGetsNoGRPCHeaders: gRPC's own ext_authz filter (A92) fails
// the call on an answer with a grpc- header.
func TestGRPCFilterGetsNoGRPCHeaders(t *testing.T) {
	m := postGRPC()
	h := m.GetAttributes().GetRequest().GetHttp()
	h.Id, h.Scheme, h.Size, h.Headers = "", "", -1, nil
	h.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "content-type", RawValue: []byte("application/grpc")}}}
	a := newTestAnswerer(t, AnswerOptions{})
	for _, r := range pipeline.Reasons() {
		if r.Allowed() {
			continue
		}
		denied := answered(t, a, m, typical(r)).GetDeniedResponse()
		for _, header := range denied.GetHeaders() {
			if name := header.GetHeader().GetKey(); strings.HasPrefix(name, "grpc-") || name != strings.ToLower(name) {
				t.Errorf("%s: header %s", r, name)
			}
		}
		if denied.GetBody() != newRow(r).detail {
			t.Errorf("%s: body %q", r, denied.GetBody())
		}
	}
}

func credenceObject(tb testing.TB, m *authv3.CheckResponse) map[string]string {
	tb.Helper()
	object := m.GetDynamicMetadata().GetFields()["credence"].GetStructValue().GetFields()
	if len(object) == 0 {
		tb.Fatalf("no metadata object: %v", m)
	}
	fields := map[string]string{}
	for name, v := range object {
		fields[name] = v.GetStringValue()
		if fields[name] == "" {
			tb.Errorf("metadata %s is no text or empty", name)
		}
	}
	return fields
}

// FuzzAnswer: any decision on any request gives an answer that the generated
// types accept, that keeps the rules of the API, and that means what was
// meant.
func FuzzAnswer(f *testing.F) {
	f.Add(uint8(1), false, "key_01", "team", "orders:read orders:write", "gold", "x_credence_owner", "x-api-key", "key", "default", int64(5), "GET", "text/plain")
	f.Add(uint8(21), true, "", "t\xffm\r\n", strings.Repeat("scope ", 80), "100%", "x.credence.owner", "", "k\x00", "n\"a\\m\n", int64(-5), "POST", "application/grpc")
	f.Add(uint8(20), false, strings.Repeat("k", 300), "ü", "", "", "X_Credence_Plan", "authorization", "", "", int64(1)<<62, "POST", "application/grpc+x")
	f.Add(uint8(0), true, "", "", "", "", "", "", "", "", int64(0), "", "")
	f.Fuzz(func(t *testing.T, reason uint8, shadow bool, keyID, owner, scopes, plan, sent, header, query, limit string,
		n int64, method, contentType string,
	) {
		c := readBytes(httpCheck(str(2, method), sub(3, str(1, "content-type"), str(2, contentType)),
			sub(3, str(1, sent), str(2, "forged")), sub(3, str(1, "x-request-id"), str(2, limit))))
		d := &c.decision
		*d = pipeline.Decision{
			Reason: pipeline.Reason(reason), Shadow: shadow, MissingScope: []byte(scopes), RetryAfter: time.Duration(n),
			Key:    &pipeline.Key{KeyID: keyID, Owner: owner, Scopes: scopes, Plan: plan, KeyType: pipeline.SharedText(limit)},
			Source: pipeline.KeySource(reason % 5), Stage: pipeline.Stage(reason),
			Limits: []pipeline.LimitOutcome{
				{Name: limit, Limit: n, Period: time.Duration(n), Remaining: -n, Reset: time.Duration(n), Refused: true},
				{Name: limit, Limit: n, Remaining: n},
			},
			Credential: pipeline.Credential{Query: []byte(query)},
		}
		if isHeaderName(header) { // one of the configured names
			d.Credential.Header = header
		}
		meant := *d
		newTestAnswerer(t, AnswerOptions{}).answer(c)
		var m authv3.CheckResponse
		if err := proto.Unmarshal(*c.out, &m); err != nil || !c.answered() {
			t.Fatalf("answer of %d bytes: %v", len(*c.out), err)
		}
		if err := m.ValidateAll(); err != nil {
			t.Fatalf("answer breaks a rule of the API: %v", err)
		}
		assertMeaning(t, &meant, &m)
	})
}

func assertMeaning(t *testing.T, d *pipeline.Decision, m *authv3.CheckResponse) {
	t.Helper()
	known := slices.Contains(pipeline.Reasons(), d.Reason)
	allowed := d.Allowed() && known && visible(d.Credential.Query)
	if allowed != (m.GetStatus().GetCode() == 0) {
		t.Fatalf("decision %s, shadow %v: status %d", d.Reason, d.Shadow, m.GetStatus().GetCode())
	}
	credenceObject(t, m)
	if allowed {
		assertAllow(t, d, m.GetOkResponse())
		return
	}
	denied := m.GetDeniedResponse()
	if code := denied.GetStatus().GetCode(); code < 400 || code > 599 {
		t.Errorf("denied with %d", code)
	}
	names := assertOptions(t, denied.GetHeaders())
	if status, ok := names["grpc-status"]; ok {
		if status == "0" || json.Valid([]byte(denied.GetBody())) {
			t.Errorf("grpc-status %s, body %q", status, denied.GetBody())
		}
		return
	}
	var problem struct {
		Status int32  `json:"status"`
		Code   string `json:"code"`
	}
	if err := json.Unmarshal([]byte(denied.GetBody()), &problem); err != nil ||
		problem.Status != int32(denied.GetStatus().GetCode()) || problem.Code == "" || names["content-type"] != "application/problem+json" {
		t.Errorf("problem %q: %v", denied.GetBody(), err)
	}
}

func assertAllow(t *testing.T, d *pipeline.Decision, ok *authv3.OkHttpResponse) {
	t.Helper()
	set := assertOptions(t, ok.GetHeaders())
	assertOptions(t, ok.GetResponseHeadersToAdd())
	for name, value := range map[string]string{
		"x-credence-key-id": d.Key.KeyID, "x-credence-owner": d.Key.Owner, "x-credence-scopes": d.Key.Scopes,
		"x-credence-plan": d.Key.Plan, "x-credence-type": d.Key.KeyType.String(), "x-credence-namespace": d.Key.Namespace,
		"x-envoy-auth-failure-mode-allowed": "", "x-envoy-auth-partial-body": "",
	} {
		got, isSet := set[name]
		if removed := slices.Contains(ok.GetHeadersToRemove(), name); isSet == removed {
			t.Errorf("%s: set %v, removed %v", name, isSet, removed)
		}
		back, err := url.PathUnescape(got)
		whole := strings.Trim(value, " ")
		if isSet && (err != nil || back != whole && (name != "x-credence-scopes" || !strings.HasPrefix(whole, back+" "))) {
			t.Errorf("%s: %q came out as %q", name, value, got)
		}
	}
}

// assertOptions checks every header that is sent and answers them by name.
func assertOptions(t *testing.T, options []*corev3.HeaderValueOption) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, o := range options {
		name, value := o.GetHeader().GetKey(), o.GetHeader().GetValue()
		overwrite := o.GetAppend() //nolint:staticcheck // Envoy's releases read the deprecated field, and it must stand there
		if overwrite == nil || overwrite.GetValue() ||
			o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s: not both append fields: %v", name, o)
		}
		if _, twice := names[name]; twice || value == "" || !printable(value) || !isHeaderName(name) {
			t.Errorf("header %q: %q", name, value)
		}
		names[name] = value
	}
	return names
}

// TestKeptCredentialReachesTheUpstream: the operator may ask for it.
func TestKeptCredentialReachesTheUpstream(t *testing.T) {
	a := newTestAnswerer(t, AnswerOptions{KeepCredential: true})
	for _, c := range []pipeline.Credential{{Header: "x-api-key"}, {Query: []byte("api_key")}} {
		ok := answered(t, a, getOrders(), func(d *pipeline.Decision) {
			acceptKey(d)
			d.Reason, d.Credential = pipeline.ReasonAllowed, c
		}).GetOkResponse()
		if slices.Contains(ok.GetHeadersToRemove(), "x-api-key") || len(ok.GetQueryParametersToRemove()) > 0 {
			t.Errorf("%+v is removed", c)
		}
	}
}

// TestNoRetryAfterWhereWaitingDoesNotHelp: a request that costs more than its
// limit ever holds must not be told to come back in a century.
func TestNoRetryAfterWhereWaitingDoesNotHelp(t *testing.T) {
	denied := answered(t, newTestAnswerer(t, AnswerOptions{}), getOrders(), func(d *pipeline.Decision) {
		d.Reason, d.Stage = pipeline.ReasonRateLimited, pipeline.StageLimit
		d.Limits = []pipeline.LimitOutcome{{Name: "a", Limit: 1, Period: time.Second, Reset: limit.Never, Refused: true}}
	}).GetDeniedResponse()
	for _, h := range denied.GetHeaders() {
		if h.GetHeader().GetKey() == "retry-after" {
			t.Errorf("retry-after: %s", h.GetHeader().GetValue())
		}
	}
}
