package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"credence/test/harness"
)

// Nothing in a request may make a Check fail: failures go through
// failure_mode_allow, refusals do not. So each odd request is either refused
// by Envoy before the Check, or decided.
func TestOddRequestsAreDecidedAndNeverErrors(t *testing.T) {
	k := shared.newKey(t, nil)
	long := strings.Repeat("k", 50<<10)
	cases := map[string]struct {
		method, path string
		headers      [][2]string
		want         int
	}{
		"oversize key":                      {"GET", "/odd", [][2]string{{"x-api-key", long}}, 401},
		"oversize other header, good key":   {"GET", "/odd", [][2]string{k.header(), {"x-long", long}}, 200},
		"headers over Envoy's limit":        {"GET", "/odd", [][2]string{k.header(), {"x-long", long + long}}, 431},
		"long path, good key":               {"GET", "/odd/" + strings.Repeat("p", 20<<10), [][2]string{k.header()}, 200},
		"no UTF-8 in the key":               {"GET", "/odd", [][2]string{{"x-api-key", "\xff\xfe\xc0"}}, 401},
		"no UTF-8 beside a good key":        {"GET", "/odd", [][2]string{k.header(), {"x-odd", "caf\xe9 \xff"}}, 200},
		"no UTF-8 in an identity header":    {"GET", "/odd", [][2]string{k.header(), {"x-credence-owner", "\xff"}}, 200},
		"no UTF-8 in the path, encoded":     {"GET", "/odd/%ff%fe", [][2]string{k.header()}, 200},
		"no UTF-8 in the query":             {"GET", "/odd?api_key=%ff%fe", nil, 401},
		"semicolons in the query":           {"GET", "/odd?a;api_key=" + k.text, nil, 401},
		"a key in a cookie is none":         {"GET", "/odd", [][2]string{{"cookie", "x-api-key=" + k.text}}, 401},
		"unknown method":                    {"BREW", "/odd", [][2]string{k.header()}, 400},
		"OPTIONS needs a key like any":      {"OPTIONS", "/odd", nil, 401},
		"absolute path":                     {"GET", "http://gateway.test/odd", [][2]string{k.header()}, 200},
		"the credential named hop by hop":   {"GET", "/odd", [][2]string{k.header(), {"connection", "x-api-key"}}, 401},
		"many headers":                      {"GET", "/odd", append(manyHeaders(80), k.header()), 200},
		"more headers than Envoy takes":     {"GET", "/odd", append(manyHeaders(110), k.header()), 431},
		"ninety lines of the same identity": {"GET", "/odd", append(repeated("x-credence-owner", 80), k.header()), 200},
	}
	before, err := shared.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			shared.send(t, c.method, c.path, c.headers...).wantStatus(t, c.want)
		})
	}
	after, err := shared.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"error", "invalid", "failure_mode_allowed"} {
		if after[name] != before[name] {
			t.Errorf("counter %s went from %d to %d", name, before[name], after[name])
		}
	}
}

// Envoy counts headers again after the Check. A request that leaves no room
// for the ones we add is refused by Envoy: it does not pass without them.
func TestARequestWithoutRoomForTheIdentityIsRefused(t *testing.T) {
	k := shared.newKey(t, nil)
	before := shared.echo.Requests()
	shared.get(t, "/full", append(manyHeaders(92), k.header())...).wantStatus(t, 500)
	if shared.echo.Requests() != before {
		t.Error("the request reached the upstream")
	}
}

func manyHeaders(n int) [][2]string {
	var headers [][2]string
	for i := range n {
		headers = append(headers, [2]string{"x-many-" + string(rune('a'+i%26)) + string(rune('a'+i/26)), "v"})
	}
	return headers
}

func repeated(name string, n int) [][2]string {
	return slices.Repeat([][2]string{{name, "forged"}}, n)
}

// CONNECT has an authority where others have a path. Without a route for it
// Envoy refuses it; with one it is checked like everything else.
func TestConnectIsCheckedWhereARouteTakesIt(t *testing.T) {
	shared.send(t, "CONNECT", "upstream.test:443").wantStatus(t, 404)
	d := gateway(t, func(c *harness.Config) error {
		if err := c.Add(harness.HCMPlace+"/upgrade_configs", []any{map[string]any{"upgrade_type": "CONNECT"}}); err != nil {
			return err
		}
		return c.Prepend(harness.RoutesPlace, map[string]any{
			"name": "tunnel", "match": map[string]any{"connect_matcher": map[string]any{}},
			"route": map[string]any{"cluster": "upstream"},
		})
	})
	before := d.echo.Requests()
	d.send(t, "CONNECT", "upstream.test:443").wantStatus(t, 401)
	d.send(t, "CONNECT", "upstream.test:443", [2]string{"x-api-key", "nonsense"}).wantStatus(t, 401)
	if d.echo.Requests() != before {
		t.Error("the request reached the upstream")
	}
	counters, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counters["denied"] != 2 || counters["error"] != 0 {
		t.Errorf("counters %v; want two denials", counters)
	}
}
