package forward

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// clientRequest is what a client asked for.
type clientRequest struct {
	method, path string
	headers      []header
}

// asks are the ways to ask about it, by profile and policy.
func asks(r clientRequest, policy string) map[string]struct {
	method, target string
	headers        []header
} {
	type ask = struct {
		method, target string
		headers        []header
	}
	at := func(base, separator string) string {
		if policy == "" {
			return base
		}
		return base + separator + policy
	}
	return map[string]ask{
		"envoy": {r.method, at("/envoy", ":") + r.path, r.headers},
		"forward-auth": {"GET", at("/auth", "/"), append(slices.Clone(r.headers), header{"X-Forwarded-Method", r.method},
			header{"X-Forwarded-Host", "api.example.com"}, header{"X-Forwarded-Uri", r.path})},
		"auth-request": {"GET", at("/auth-request", "/"), append(slices.Clone(r.headers), header{"X-Original-Method", r.method},
			header{"X-Original-Host", "api.example.com"}, header{"X-Original-Uri", r.path})},
	}
}

// wantSame compares an answer over HTTP with that over gRPC.
func wantSame(t *testing.T, profile string, want *authv3.CheckResponse, have reply) {
	t.Helper()
	allowed := want.GetStatus().GetCode() == 0
	if (have.StatusCode == http.StatusOK) != allowed {
		t.Fatalf("%s: status %d, gRPC says %v", profile, have.StatusCode, want.GetStatus())
	}
	lines := func(options []*corev3.HeaderValueOption) {
		for _, o := range options {
			if got := have.Header.Get(o.GetHeader().GetKey()); got != o.GetHeader().GetValue() {
				t.Errorf("%s: header %s: %q, gRPC says %q", profile, o.GetHeader().GetKey(), got, o.GetHeader().GetValue())
			}
		}
	}
	if allowed {
		lines(want.GetOkResponse().GetHeaders())
		lines(want.GetOkResponse().GetResponseHeadersToAdd())
		removed := strings.Join(want.GetOkResponse().GetHeadersToRemove(), ",")
		if profile == "envoy" && have.Header.Get("X-Envoy-Auth-Headers-To-Remove") != removed {
			t.Errorf("%q is removed, gRPC says %q", have.Header.Get("X-Envoy-Auth-Headers-To-Remove"), removed)
		}
		for _, name := range want.GetOkResponse().GetHeadersToRemove() {
			if values := have.Header.Values(name); !strings.ContainsAny(name, "_.") && (len(values) != 1 || values[0] != "") {
				t.Errorf("%s: header %s: %q, want it there and empty", profile, name, values)
			}
		}
		return
	}
	denied := want.GetDeniedResponse()
	lines(denied.GetHeaders())
	code := int(denied.GetStatus().GetCode())
	if profile == "auth-request" && code != http.StatusUnauthorized && code < http.StatusInternalServerError {
		if have.Header.Get(statusHeader) == "" {
			t.Error("nginx is not told the status that was meant")
		}
		code = http.StatusForbidden
	}
	if have.StatusCode != code || have.Body != denied.GetBody() {
		t.Errorf("%s: %d %s, gRPC says %d %s", profile, have.StatusCode, have.Body, code, denied.GetBody())
	}
	wantNoIdentity(t, have)
}

func wantNoIdentity(t *testing.T, have reply) {
	t.Helper()
	for name := range have.Header {
		if strings.HasPrefix(name, "X-Credence-") && name != statusHeader || name == "X-Envoy-Auth-Headers-To-Remove" {
			t.Errorf("a denial carries %s", name)
		}
	}
	if have.Header.Get("Cache-Control") != "no-store" {
		t.Error("a denial may be cached")
	}
}

// same asks about one client's request in every way.
func (w *world) same(t *testing.T, r clientRequest, policy string, extensions map[string]string) {
	t.Helper()
	headers := http.Header{}
	for _, h := range append(slices.Clone(r.headers), header{"X-Client-Ip", "203.0.113.7"}) {
		headers.Add(h[0], h[1])
	}
	want, err := w.check.Check(t.Context(), checkOf(r.method, r.path, "api.example.com", headers, extensions))
	if err != nil {
		t.Fatal(err)
	}
	for profile, ask := range asks(r, policy) {
		have := w.ask(t, ask.method, ask.target, ask.headers...)
		wantSame(t, profile, want, have)
	}
}

func TestTheAnswerIsThatOverGRPC(t *testing.T) {
	w := newWorld(t, nil)
	w.overGRPC(t)
	key, spent := header{"X-Api-Key", w.text}, header{"X-Api-Key", w.spent}
	id := header{"X-Request-Id", "6f1c2b9e-0d5a-4f0e-9a57-1f1f6c7d2b11"}
	for name, r := range map[string]clientRequest{
		"key":              {"GET", "/orders?page=2", []header{key, id}},
		"bearer":           {"POST", "/orders", []header{{"Authorization", "Bearer " + w.text}}},
		"query":            {"GET", "/orders?a=b&api_key=" + w.text, nil},
		"forged":           {"GET", "/orders", []header{key, {"X-Credence-Plan", "gold"}, {"X-Credence-Key-Id", "key_99"}}},
		"no key":           {"GET", "/orders", []header{id}},
		"unknown":          {"GET", "/orders", []header{{"X-Api-Key", "crd_live_nonsense"}}},
		"two keys":         {"GET", "/orders", []header{key, spent}},
		"joined":           {"GET", "/orders", []header{{"X-Api-Key", w.text + "," + w.text}}},
		"two in the query": {"GET", "/o?api_key=" + w.text + "&api_key=" + w.text, nil},
		"limited":          {"GET", "/orders", []header{spent, id}},
		"grpc":             {"POST", "/shop.Orders/Get", []header{{"Content-Type", "application/grpc"}}},
		"odd method":       {"PROPFIND", "/orders", []header{key}},
		"no host rule":     {"HEAD", "/", []header{key}},
	} {
		t.Run(name, func(t *testing.T) {
			for policy, extensions := range map[string]map[string]string{
				"": nil, "orders": {"credence.scopes": "orders:read"}, "admin": {"credence.scopes": "admin:all"},
				"watch": {"credence.scopes": "admin:all", "credence.mode": "shadow"}, "open": {"credence.anonymous": "allow"},
				"nobody-wrote-it": {"credence.policy": "nobody-wrote-it"},
			} {
				w.same(t, r, policy, extensions)
			}
		})
	}
}

// For Envoy, that removes what we name, other spellings are removed as over
// gRPC; the others are told to go away.
func TestOtherSpellingsAreRemovedOrRefused(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"x_credence_owner", "x.credence.owner", "X-Credence_Key-Id"} {
		r := clientRequest{"GET", "/", []header{{"X-Api-Key", w.text}, {name, "forged"}}}
		for profile, ask := range asks(r, "") {
			have := w.ask(t, ask.method, ask.target, ask.headers...)
			switch profile {
			case "envoy":
				if have.StatusCode != http.StatusOK || !strings.Contains(have.Header.Get("X-Envoy-Auth-Headers-To-Remove"), strings.ToLower(name)) {
					t.Errorf("%s: %d %v", name, have.StatusCode, have.Header)
				}
			case "forward-auth":
				if have.StatusCode != http.StatusBadRequest {
					t.Errorf("%s: %s: status %d, want 400", profile, name, have.StatusCode)
				}
			case "auth-request":
				if have.StatusCode != http.StatusForbidden || have.Header.Get(statusHeader) != "400" {
					t.Errorf("%s: %s: status %d, want 403 that means 400", profile, name, have.StatusCode)
				}
			}
		}
	}
}
