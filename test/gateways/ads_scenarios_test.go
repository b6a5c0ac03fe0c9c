package gateways

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"credence/test/harness"
)

// identityHeaders are what the upstream believes in, and what Envoy would say
// of a check.
func identityHeaders() []string {
	return []string{
		"x-credence-key-id", "x-credence-namespace", "x-credence-owner", "x-credence-type", "x-credence-scopes",
		"x-credence-plan", "x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body",
	}
}

// believed are the values of all header lines that some upstream would read
// as name: any case, and _ or . for -.
func believed(e *harness.Echoed, name string) []string {
	var values []string
	for _, h := range e.Headers {
		if strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(h[0])) == name {
			values = append(values, h[1])
		}
	}
	return values
}

// scenarios are what every gateway must keep, whoever wrote its configuration:
// those of test/e2e that need nothing but a client.
func scenarios(t *testing.T, kind served) {
	t.Helper()
	d := deploy(t, kind)
	for name, scenario := range map[string]func(*deployment){
		"a good key passes, as nobody but itself":    forgedIdentity,
		"a request without a key is refused":         noKey,
		"a revoked key is refused":                   revokedKey,
		"two credentials are refused":                twoCredentials,
		"a route demands its scopes":                 scopedRoute,
		"a public route lets nobody forge":           publicRoute,
		"names with underscores and %2F are refused": ambiguousSpelling,
	} {
		d.run(name, scenario)
	}
	// Last: it stops Credence.
	d.run("without Credence nothing passes, and it recovers", outage)
}

// run is a test of its own on the same deployment.
func (d *deployment) run(name string, scenario func(*deployment)) {
	whole := d.t
	defer func() { d.t = whole }()
	whole.Run(name, func(t *testing.T) {
		d.t = t
		scenario(d)
	})
}

func forgedIdentity(d *deployment) {
	t := d.t
	k := d.newKey(t)
	want := map[string][]string{
		"x-credence-key-id": {k.id}, "x-credence-namespace": {"default"}, "x-credence-type": {"service"},
	}
	spellings := map[string]func(string) string{
		"as it is":   func(s string) string { return s },
		"upper case": strings.ToUpper,
		"dots":       func(s string) string { return strings.ReplaceAll(s, "-", ".") },
	}
	for name, spell := range spellings {
		headers := [][2]string{k.header(), {"x-client-ip", "203.0.113.9"}}
		for _, h := range identityHeaders() {
			// Twice, so that removing or overwriting one is not enough.
			headers = append(headers, [2]string{spell(h), "forged"}, [2]string{spell(h), "forged again"})
		}
		got := d.echoed(t, "/identity", headers...)
		for _, h := range identityHeaders() {
			if values := believed(got, h); !slices.Equal(values, want[h]) {
				t.Errorf("%s: the upstream would read %s as %q, want %q", name, h, values, want[h])
			}
		}
		if values := believed(got, "x-client-ip"); !slices.Equal(values, []string{"127.0.0.1"}) {
			t.Errorf("x-client-ip = %q, want the peer's address alone", values)
		}
		for _, h := range got.Headers {
			if strings.Contains(h[1], k.text) {
				t.Errorf("the key text reached the upstream in %s", h[0])
			}
		}
	}
	d.wantStatus(t, http.StatusOK, "/bearer", [2]string{"authorization", "Bearer " + k.text})
}

// wantProblem compares the whole document, but for the request's own id.
func wantProblem(t *testing.T, r *harness.Reply, challenge, want string) {
	t.Helper()
	body := regexp.MustCompile(`,"instance":"urn:uuid:[0-9a-f-]{36}"`).ReplaceAllString(r.Body, "")
	if body != want {
		t.Errorf("body %q, want %q", body, want)
	}
	if got := r.Header.Get("content-type"); got != "application/problem+json" {
		t.Errorf("content-type %q", got)
	}
	if got := r.Header.Get("www-authenticate"); got != challenge {
		t.Errorf("challenge %q, want %q", got, challenge)
	}
}

func noKey(d *deployment) {
	t := d.t
	before := d.echo.Requests()
	wantProblem(t, d.wantStatus(t, http.StatusUnauthorized, "/none"), `Bearer realm="credence"`,
		`{"type":"about:blank","title":"Unauthorized","status":401,`+
			`"detail":"An API key is required: send it in the header x-api-key or as a bearer token.","code":"missing_api_key"}`)
	if d.echo.Requests() != before {
		t.Error("the request reached the upstream")
	}
}

func revokedKey(d *deployment) {
	t := d.t
	k := d.newKey(t)
	d.wantStatus(t, http.StatusOK, "/revoked", k.header())
	d.cli(t, "keys", "revoke", k.id, "--reason", "test", "--yes", "--wait", "10s")
	wantProblem(t, d.wantStatus(t, http.StatusUnauthorized, "/revoked", k.header()),
		`Bearer realm="credence", error="invalid_token"`,
		`{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The API key is not valid.","code":"invalid_api_key"}`)
}

func twoCredentials(d *deployment) {
	t := d.t
	k, other := d.newKey(t), d.newKey(t)
	before := d.echo.Requests()
	for name, headers := range map[string][][2]string{
		"two lines":           {k.header(), other.header()},
		"two lines, equal":    {k.header(), k.header()},
		"joined by client":    {{"x-api-key", k.text + "," + other.text}},
		"header and bearer":   {k.header(), {"authorization", "Bearer " + other.text}},
		"two bearers":         {{"authorization", "Bearer " + k.text}, {"authorization", "Bearer " + other.text}},
		"other case and name": {k.header(), {"X-API-Key", other.text}},
	} {
		var problem struct {
			Code string `json:"code"`
		}
		r := d.wantStatus(t, http.StatusBadRequest, "/two", headers...)
		if err := json.Unmarshal([]byte(r.Body), &problem); err != nil || problem.Code != "ambiguous_api_key" {
			t.Errorf("%s: body %q, error %v; want ambiguous_api_key", name, r.Body, err)
		}
	}
	if d.echo.Requests() != before {
		t.Error("a request reached the upstream")
	}
}

func scopedRoute(d *deployment) {
	t := d.t
	reader, other := d.newKey(t, "--scope", "orders:read"), d.newKey(t, "--scope", "orders:write")
	d.wantStatus(t, http.StatusOK, "/orders/1", reader.header())
	d.wantStatus(t, http.StatusForbidden, "/orders/1", other.header())
	d.wantStatus(t, http.StatusOK, "/elsewhere", other.header())
	// The path is one path however it is spelled.
	d.wantStatus(t, http.StatusForbidden, "/public/../orders/1", other.header())
	d.wantStatus(t, http.StatusForbidden, "//orders//1", other.header())
}

// Nobody looks at a request of a route that is switched off, so the gateway
// itself takes away what the upstream believes in.
func publicRoute(d *deployment) {
	t := d.t
	headers := [][2]string{{"x-api-key", "some key"}, {"Authorization", "Bearer some key"}, {"x-other", "kept"}}
	for _, h := range identityHeaders() {
		headers = append(headers, [2]string{h, "forged"}, [2]string{h, "forged again"}, [2]string{"x." + h[2:], "forged"})
	}
	got := d.echoed(t, "/public/page", headers...)
	for _, h := range append(identityHeaders(), "x-api-key", "authorization") {
		if values := believed(got, h); len(values) > 0 {
			t.Errorf("the upstream would read %s as %q", h, values)
		}
	}
	if values := got.Values("x-other"); !slices.Equal(values, []string{"kept"}) {
		t.Errorf("x-other = %q, want it untouched", values)
	}
}

func ambiguousSpelling(d *deployment) {
	t := d.t
	k := d.newKey(t)
	before := d.echo.Requests()
	d.wantStatus(t, http.StatusBadRequest, "/spelling", k.header(), [2]string{"x_credence_key_id", "forged"})
	d.wantStatus(t, http.StatusBadRequest, "/orders%2F1", k.header())
	if d.echo.Requests() != before {
		t.Error("a request reached the upstream")
	}
}

// An outage is 503 without a body, from Envoy itself; no denial looks so.
func outage(d *deployment) {
	t := d.t
	k := d.newKey(t)
	d.wantStatus(t, http.StatusOK, "/up", k.header())
	d.credence.Kill()
	before := d.echo.Requests()
	for _, headers := range [][][2]string{{k.header()}, nil} {
		if r := d.wantStatus(t, http.StatusServiceUnavailable, "/down", headers...); r.Body != "" {
			t.Errorf("body %q, want none: Envoy answers this one", r.Body)
		}
	}
	d.wantStatus(t, http.StatusServiceUnavailable, "/orders/1", k.header())
	if d.echo.Requests() != before {
		t.Error("a request reached the upstream")
	}
	d.healthy(false)
	d.startCredence("--check-addr", d.credence.Check.String())
	d.healthy(true)
	d.wantStatus(t, http.StatusOK, "/again", k.header())
	d.wantStatus(t, http.StatusUnauthorized, "/again")
}
