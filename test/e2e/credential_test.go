package e2e_test

import (
	"testing"

	"credence/test/harness"
)

func rawHeadersOff(c *harness.Config) error {
	return c.Set(harness.ExtAuthzPlace+"/encode_raw_headers", false)
}

// Two credentials are refused even when they are equal: whoever reads the
// request behind us might take the other one. It must not matter whether Envoy
// sends header lines one by one or joined.
func TestMoreThanOneCredentialIsRefused(t *testing.T) {
	k, other := shared.newKey(t, nil), shared.newKey(t, nil)
	bearer := [2]string{"authorization", "Bearer " + k.text}
	cases := map[string]struct {
		path    string
		headers [][2]string
	}{
		"one header name twice":            {"/two", [][2]string{k.header(), other.header()}},
		"one header name twice, equal":     {"/two", [][2]string{k.header(), k.header()}},
		"joined by the client":             {"/two", [][2]string{{"x-api-key", k.text + "," + other.text}}},
		"joined with something else":       {"/two", [][2]string{{"x-api-key", k.text + ",x"}}},
		"other case of the name":           {"/two", [][2]string{k.header(), {"X-API-Key", other.text}}},
		"header and bearer":                {"/two", [][2]string{k.header(), bearer}},
		"two bearers":                      {"/two", [][2]string{bearer, {"Authorization", "Bearer " + other.text}}},
		"bearer joined by the client":      {"/two", [][2]string{{"authorization", "Bearer " + k.text + ", Bearer " + other.text}}},
		"bearer and basic":                 {"/two", [][2]string{bearer, {"authorization", "Basic dTpw"}}},
		"header and query":                 {"/two?api_key=" + other.text, [][2]string{k.header()}},
		"query twice":                      {"/two?api_key=" + k.text + "&api_key=" + k.text, nil},
		"query, second spelling encoded":   {"/two?api_key=" + k.text + "&api%5Fkey=" + other.text, nil},
		"header and encoded name in query": {"/two?%61pi_key=" + other.text, [][2]string{k.header()}},
	}
	gateways := map[string]*deployment{"raw": shared, "joined": gateway(t, rawHeadersOff)}
	for shape, d := range gateways {
		for name, c := range cases {
			t.Run(shape+"/"+name, func(t *testing.T) {
				before := d.echo.Requests()
				r := d.get(t, c.path, c.headers...)
				r.wantStatus(t, 400)
				wantProblem(t, r, "ambiguous_api_key")
				if d.echo.Requests() != before {
					t.Error("the request reached the upstream")
				}
			})
		}
	}
}

func TestOneCredentialIsAcceptedHoweverEnvoySendsHeaders(t *testing.T) {
	k := shared.newKey(t, nil)
	gateways := map[string]*deployment{"raw": shared, "joined": gateway(t, rawHeadersOff)}
	for shape, d := range gateways {
		t.Run(shape, func(t *testing.T) {
			d.get(t, "/one", k.header()).wantStatus(t, 200)
			d.get(t, "/one", [2]string{"X-Api-Key", "  " + k.text + "\t"}).wantStatus(t, 200)
			d.get(t, "/one", [2]string{"authorization", "bearer " + k.text}).wantStatus(t, 200)
			d.get(t, "/one?api_key="+k.text).wantStatus(t, 200)
			// An empty line says nothing; it is no second credential.
			d.get(t, "/one", k.header(), [2]string{"x-api-key", ""}).wantStatus(t, 200)
		})
	}
}

// A query parameter whose name is spelled with percent signs cannot be removed
// reliably on the way to the upstream, so the key in it is not accepted.
func TestAKeyUnderAnEncodedQueryNameIsRefused(t *testing.T) {
	k := shared.newKey(t, nil)
	r := shared.get(t, "/encoded?api%5Fkey="+k.text)
	if r.status != 400 && r.status != 401 {
		t.Fatalf("status %d, want a refusal", r.status)
	}
}

func TestUnusableCredentialsAllLookTheSame(t *testing.T) {
	k := shared.newKey(t, nil)
	last := k.text[len(k.text)-1]
	changed := byte('a')
	if last == changed {
		changed = 'b'
	}
	var first *reply
	for name, text := range map[string]string{
		"empty-looking":  "-",
		"one letter":     "x",
		"other checksum": k.text[:len(k.text)-1] + string(changed),
		"cut":            k.text[:len(k.text)-5],
		"longer":         k.text + "A",
		"in quotes":      `"` + k.text + `"`,
		"bytes":          "crd_live_\xff\xfe\x80",
		"very long":      string(make8k()),
	} {
		r := shared.get(t, "/unusable", [2]string{"x-api-key", text})
		r.wantStatus(t, 401)
		r.body = withoutInstance(r.body)
		if first == nil {
			first = r
		}
		if r.body != first.body || r.header.Get("www-authenticate") != first.header.Get("www-authenticate") {
			t.Errorf("%s: answered %q, others %q", name, r.body, first.body)
		}
	}
}

func make8k() []byte {
	long := make([]byte, 8<<10)
	for i := range long {
		long[i] = 'k'
	}
	return long
}
