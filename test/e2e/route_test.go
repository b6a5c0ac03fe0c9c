package e2e_test

import (
	"slices"
	"testing"

	"credence/management/client"
	"credence/test/harness"
)

// route is a route to the upstream with context extensions.
func route(prefix string, extensions map[string]any) map[string]any {
	return map[string]any{
		"name":  prefix[1:],
		"match": map[string]any{"prefix": prefix},
		"route": map[string]any{"cluster": "upstream"},
		"typed_per_filter_config": map[string]any{"envoy.filters.http.ext_authz": map[string]any{
			"@type":          "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
			"check_settings": map[string]any{"context_extensions": extensions},
		}},
	}
}

func TestARouteDemandsItsScopes(t *testing.T) {
	reader := shared.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"orders:read"} })
	other := shared.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"orders:write"} })
	shared.get(t, "/orders/1", reader.header()).wantStatus(t, 200)
	shared.get(t, "/orders/1", other.header()).wantStatus(t, 403)
	// The path is one path however it is spelled.
	shared.get(t, "/public/../orders/1", other.header()).wantStatus(t, 403)
	shared.get(t, "//orders//1", other.header()).wantStatus(t, 403)
	shared.get(t, "/orders%2F1", other.header()).wantStatus(t, 400)
}

func TestAnExpensiveRouteTakesItsCostFromTheLimit(t *testing.T) {
	k := shared.newKey(t, limited(25))
	shared.get(t, "/reports/a", k.header()).wantStatus(t, 200)
	shared.get(t, "/reports/b", k.header()).wantStatus(t, 200)
	shared.get(t, "/reports/c", k.header()).wantStatus(t, 429)
	shared.get(t, "/cheap", k.header()).wantStatus(t, 200) // all or nothing: what was refused cost nothing
}

// Nobody looks at a request of a route that is switched off, so the route
// itself takes away what the upstream believes in.
func TestAPublicRouteLetsEverybodyInAndNobodyForge(t *testing.T) {
	headers := [][2]string{{"x-api-key", "some key"}, {"Authorization", "Bearer some key"}, {"x-other", "kept"}}
	for _, h := range append(identityHeaders(), envoyHeaders()...) {
		headers = append(headers, [2]string{h, "forged"}, [2]string{h, "forged again"}, [2]string{"x." + h[2:], "forged"})
	}
	got := shared.get(t, "/public/page", headers...).echoed(t)
	for _, h := range append(identityHeaders(), append(envoyHeaders(), "x-api-key", "authorization")...) {
		if values := believed(got, h); len(values) > 0 {
			t.Errorf("the upstream would read %s as %q", h, values)
		}
	}
	if values := got.Values("x-other"); !slices.Equal(values, []string{"kept"}) {
		t.Errorf("x-other = %q, want it untouched", values)
	}
}

func TestTheHealthPageNeedsNoKey(t *testing.T) {
	r := shared.get(t, "/healthz")
	r.wantStatus(t, 200)
	if r.body != "ok\n" {
		t.Errorf("body %q", r.body)
	}
	shared.get(t, "/healthz/more").wantStatus(t, 401)
}

// A watching route lets everything pass, but not as somebody.
func TestAShadowRoutePassesEverythingAndSaysWhatWouldHaveHappened(t *testing.T) {
	nobody, somebody := unique("/shadow/nobody"), unique("/shadow/somebody")
	got := shared.get(t, nobody, [2]string{"x-credence-owner", "forged"}).echoed(t)
	for _, h := range identityHeaders() {
		if values := believed(got, h); len(values) > 0 {
			t.Errorf("the upstream would read %s as %q", h, values)
		}
	}
	k := shared.newKey(t, nil)
	got = shared.get(t, somebody, k.header()).echoed(t)
	if values := got.Values("x-credence-key-id"); !slices.Equal(values, []string{k.id}) {
		t.Errorf("x-credence-key-id = %q", values)
	}
	wantLogged(t, shared, nobody, map[string]any{"decision": "shadow_deny", "reason": "missing_key", "status": 200.0})
	wantLogged(t, shared, somebody, map[string]any{"decision": "allow", "reason": "allowed", "key_id": k.id})
}

// The shipped configuration ends with a route for everything; without it, a
// request that matches nothing is not checked, and goes nowhere.
func TestARequestWithoutARouteGoesNowhere(t *testing.T) {
	d := gateway(t, func(c *harness.Config) error {
		return c.Set(harness.RoutesPlace+"/everything/match", map[string]any{"path": "/only"})
	})
	before := d.echo.Requests()
	d.get(t, "/elsewhere").wantStatus(t, 404)
	d.get(t, "/only").wantStatus(t, 401)
	if d.echo.Requests() != before {
		t.Error("the request reached the upstream")
	}
	counters, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counters["denied"] != 1 || counters["ok"] != 0 || counters["error"] != 0 {
		t.Errorf("counters %v; want one denial and no other check", counters)
	}
}
