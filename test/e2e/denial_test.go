package e2e_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
	"credence/test/harness"
)

// wantProblem checks the stable code of a problem document.
func wantProblem(t *testing.T, r *reply, code string) {
	t.Helper()
	var problem struct {
		Status int    `json:"status"`
		Code   string `json:"code"`
	}
	if err := json.Unmarshal([]byte(r.body), &problem); err != nil {
		t.Fatalf("no problem document: %q: %v", r.body, err)
	}
	if problem.Code != code || problem.Status != r.status {
		t.Errorf("problem %q with status %d, want %q with %d", problem.Code, problem.Status, code, r.status)
	}
}

// withoutInstance cuts the request id, which differs each time.
func withoutInstance(body string) string {
	return regexp.MustCompile(`,"instance":"urn:uuid:[0-9a-f-]{36}"`).ReplaceAllString(body, "")
}

// everything is what a client sees of a denial, except what no two answers
// share: date and request id. Seconds that a clock decides become N.
func everything(r *reply) map[string][]string {
	seen := map[string][]string{"status": {http.StatusText(r.status)}, "body": {withoutInstance(r.body)}}
	for name, values := range r.header {
		seen[http.CanonicalHeaderKey(name)] = values
	}
	delete(seen, "Date")
	delete(seen, "Content-Length") // of the body, which is compared
	clock := regexp.MustCompile(`;t=[1-9][0-9]*`)
	for _, name := range []string{"Ratelimit", "Retry-After"} {
		for i, v := range seen[name] {
			seen[name][i] = clock.ReplaceAllString(v, ";t=N")
		}
	}
	if v := seen["Retry-After"]; len(v) == 1 && regexp.MustCompile(`^[1-9][0-9]{0,3}$`).MatchString(v[0]) {
		seen["Retry-After"] = []string{"N"}
	}
	return seen
}

func problem(typ, title, status, detail, code, more string) []string {
	return []string{`{"type":"` + typ + `","title":"` + title + `","status":` + status + `,"detail":"` + detail + `","code":"` + code + `"` + more + `}`}
}

func TestDenialsAreExact(t *testing.T) {
	d := gateway(t, func(c *harness.Config) error {
		return c.Prepend(harness.RoutesPlace, route("/badpolicy", map[string]any{"credence.scope": "orders:read"}))
	})
	plain := shared.newKey(t, nil)
	spent := shared.newKey(t, limited(1))
	d.get(t, "/spend", spent.header()).wantStatus(t, 200)
	bearer := func(more string) []string { return []string{`Bearer realm="credence"` + more} }
	cases := map[string]struct {
		path    string
		headers [][2]string
		want    map[string][]string
	}{
		"no key is 401": {"/denied", nil, map[string][]string{
			"status": {"Unauthorized"}, "Www-Authenticate": bearer(""),
			"body": problem("about:blank", "Unauthorized", "401", "An API key is required: send it in the header x-api-key or as a bearer token.", "missing_api_key", ""),
		}},
		"a bad key is 401": {"/denied", [][2]string{{"x-api-key", "nonsense"}}, map[string][]string{
			"status": {"Unauthorized"}, "Www-Authenticate": bearer(`, error="invalid_token"`),
			"body": problem("about:blank", "Unauthorized", "401", "The API key is not valid.", "invalid_api_key", ""),
		}},
		"two keys are 400": {"/denied", [][2]string{plain.header(), plain.header()}, map[string][]string{
			"status": {"Bad Request"}, "Www-Authenticate": bearer(`, error="invalid_request"`),
			"body": problem("about:blank", "Bad Request", "400", "Send exactly one API key, in one place.", "ambiguous_api_key", ""),
		}},
		"a missing scope is 403": {"/orders", [][2]string{plain.header()}, map[string][]string{
			"status": {"Forbidden"}, "Www-Authenticate": bearer(`, error="insufficient_scope", scope="orders:read"`),
			"body": problem("about:blank", "Forbidden", "403", "The API key lacks a scope that this request needs.", "insufficient_scope", ""),
		}},
		"a key of another namespace is 403": {"/partners", [][2]string{plain.header()}, map[string][]string{
			"status": {"Forbidden"},
			"body":   problem("about:blank", "Forbidden", "403", "This request is not allowed.", "forbidden", ""),
		}},
		"a spent limit is 429": {"/denied", [][2]string{spent.header()}, map[string][]string{
			"status": {"Too Many Requests"}, "Retry-After": {"N"},
			"Ratelimit-Policy": {`"hourly";q=1;w=3600`}, "Ratelimit": {`"hourly";r=0;t=N`},
			"body": problem("https://iana.org/assignments/http-problem-types#quota-exceeded", "Too Many Requests", "429",
				"Too many requests, slow down.", "rate_limited", `,"violated-policies":["hourly"]`),
		}},
		"a route that makes no sense is 503": {"/badpolicy", [][2]string{plain.header()}, map[string][]string{
			"status": {"Service Unavailable"}, "Retry-After": {"N"},
			"body": problem("about:blank", "Service Unavailable", "503", "The request could not be checked, try again.", "unavailable", ""),
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.want["Cache-Control"] = []string{"no-store"}
			c.want["Content-Type"] = []string{"application/problem+json"}
			c.want["Server"] = []string{"envoy"}
			before := d.echo.Requests()
			if diff := cmp.Diff(c.want, everything(d.get(t, c.path, c.headers...))); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if d.echo.Requests() != before {
				t.Error("the request reached the upstream")
			}
		})
	}
}

func TestAnAllowedAnswerCarriesWhatIsLeftOfTheLimits(t *testing.T) {
	k := shared.newKey(t, limited(5))
	r := shared.get(t, "/left", k.header())
	r.wantStatus(t, 200)
	if got := everything(r)["Ratelimit"]; len(got) != 1 || got[0] != `"hourly";r=4;t=N` {
		t.Errorf("RateLimit = %q", got)
	}
	if got := r.header.Values("RateLimit-Policy"); len(got) != 1 || got[0] != `"hourly";q=5;w=3600` {
		t.Errorf("RateLimit-Policy = %q", got)
	}
}

func TestAHeadRequestIsAnsweredWithoutABody(t *testing.T) {
	k := shared.newKey(t, nil)
	denied := shared.send(t, "HEAD", "/head")
	denied.wantStatus(t, 401)
	if denied.body != "" || denied.header.Get("www-authenticate") == "" {
		t.Errorf("body %q, challenge %q; want none and one", denied.body, denied.header.Get("www-authenticate"))
	}
	shared.send(t, "HEAD", "/head", k.header()).wantStatus(t, 200)
}

// Keys of a namespace open what is meant for it and nothing else.
func TestARouteOfANamespaceTakesItsKeysOnly(t *testing.T) {
	partner := shared.newKey(t, func(in *client.KeyCreate) { in.Namespace = "partners" })
	shared.get(t, "/partners/list", partner.header()).wantStatus(t, 200)
	shared.get(t, "/list", partner.header()).wantStatus(t, 403)
}
