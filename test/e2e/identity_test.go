package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"credence/management/client"
	"credence/test/harness"
)

// identityHeaders are the headers the upstream believes in.
func identityHeaders() []string {
	return []string{
		"x-credence-key-id", "x-credence-namespace", "x-credence-owner",
		"x-credence-type", "x-credence-scopes", "x-credence-plan",
	}
}

// envoyHeaders are what Envoy would say about a check, left for clients to
// forge.
func envoyHeaders() []string {
	return []string{"x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"}
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

func allowUnderscores(c *harness.Config) error {
	return c.Set(harness.HCMPlace+"/common_http_protocol_options/headers_with_underscores_action", "ALLOW")
}

// The key has no owner, no plan and no scopes: those headers must be gone, not
// keep what the client wrote.
func TestForgedIdentityHeadersNeverReachTheUpstreamInAnySpelling(t *testing.T) {
	lenient := gateway(t, allowUnderscores)
	k := shared.newKey(t, nil)
	spellings := map[string]func(string) string{
		"as it is":    func(s string) string { return s },
		"upper case":  strings.ToUpper,
		"mixed case":  func(s string) string { return strings.ToUpper(s[:3]) + s[3:] },
		"dots":        func(s string) string { return strings.ReplaceAll(s, "-", ".") },
		"underscores": func(s string) string { return strings.ReplaceAll(s, "-", "_") },
		"one dot":     func(s string) string { return "x." + s[2:] },
		"mixture":     func(s string) string { return strings.ToUpper(strings.Replace(s, "-", "_", 1)) },
	}
	want := map[string][]string{
		"x-credence-key-id": {k.id}, "x-credence-namespace": {"default"}, "x-credence-type": {"service"},
	}
	for name, spell := range spellings {
		t.Run(name, func(t *testing.T) {
			headers := [][2]string{k.header()}
			for _, h := range append(identityHeaders(), envoyHeaders()...) {
				// Twice, so that removing or overwriting one is not enough.
				headers = append(headers, [2]string{spell(h), "forged"}, [2]string{spell(h), "forged again"})
			}
			got := lenient.get(t, "/identity", headers...).echoed(t)
			for _, h := range append(identityHeaders(), envoyHeaders()...) {
				if values := believed(got, h); !slices.Equal(values, want[h]) {
					t.Errorf("the upstream would read %s as %q, want %q", h, values, want[h])
				}
			}
		})
	}
}

func TestHeaderNamesWithUnderscoresAreRefusedByTheShippedConfiguration(t *testing.T) {
	k := shared.newKey(t, nil)
	before := shared.echo.Requests()
	shared.get(t, "/underscore", k.header(), [2]string{"x_credence_key_id", "forged"}).wantStatus(t, 400)
	if got := shared.echo.Requests(); got != before {
		t.Errorf("the upstream was reached %d times", got-before)
	}
}

func TestTheUpstreamLearnsWhoCallsAndNothingOfTheKey(t *testing.T) {
	owner, plan := unique("team"), unique("plan")
	_, err := shared.api.OwnerCreate(t.Context(), client.OwnerCreateInput{Body: client.OwnerCreate{Name: owner}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = shared.api.PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{
		Name: plan, Limits: []client.Limit{{Name: "hourly", Limit: 1000, Period: "1h"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	k := shared.newKey(t, func(in *client.KeyCreate) {
		in.Owner, in.Plan, in.KeyType, in.Scopes = owner, plan, "user", []string{"orders:read", "orders:write"}
	})
	places := map[string][][2]string{
		"/identity?api_key=" + k.text + "&a=1": nil,
		"/identity?b=1":                        {k.header()},
		"/identity?c=1":                        {{"authorization", "Bearer " + k.text}},
	}
	for path, headers := range places {
		got := shared.get(t, path, headers...).echoed(t)
		want := map[string]string{
			"x-credence-key-id": k.id, "x-credence-namespace": "default", "x-credence-owner": owner,
			"x-credence-type": "user", "x-credence-scopes": "orders:read orders:write", "x-credence-plan": plan,
			"x-client-ip": "127.0.0.1",
		}
		for name, value := range want {
			if values := got.Values(name); !slices.Equal(values, []string{value}) {
				t.Errorf("%s = %q, want one %q", name, values, value)
			}
		}
		if strings.Contains(got.Path, k.text) || !strings.Contains(got.Path, "=1") {
			t.Errorf("path %q: want the key gone and the rest kept", strings.ReplaceAll(got.Path, k.text, "KEY"))
		}
		for _, h := range got.Headers {
			if strings.Contains(h[1], k.text) {
				t.Errorf("the key text reached the upstream in %s", h[0])
			}
		}
	}
}

func TestTheClientAddressHeaderIsEnvoysWord(t *testing.T) {
	k := shared.newKey(t, nil)
	r, err := shared.try(t, "127.0.0.77", "GET", "/address", k.header(),
		[2]string{"x-client-ip", "203.0.113.9"}, [2]string{"X-Client-Ip", "203.0.113.10"})
	if err != nil {
		t.Fatal(err)
	}
	if got := believed(r.echoed(t), "x-client-ip"); !slices.Equal(got, []string{"127.0.0.77"}) {
		t.Errorf("x-client-ip = %q, want the peer's address alone", got)
	}
}
