package forward

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"credence/management/client"
)

func TestAKeyPassesAndTellsTheUpstreamWhoItIs(t *testing.T) {
	text, id := shared.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"orders:read"} })
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"} {
			g := shared.ask(t, p, method, "/items/1?page=2", [2]string{"X-Api-Key", text})
			g.wantPassed(t)
			if method == "HEAD" {
				continue
			}
			if g.echoed.Method != method || g.echoed.Path != "/items/1?page=2" {
				t.Errorf("the upstream got %s %s", g.echoed.Method, g.echoed.Path)
			}
			g.wantUpstream(t, "x-credence-key-id", id)
			g.wantUpstream(t, "x-credence-namespace", "default")
			g.wantUpstream(t, "x-credence-scopes", "orders:read")
			g.wantUpstream(t, "x-api-key")
		}
		g := shared.ask(t, p, "GET", "/items", [2]string{"Authorization", "Bearer " + text})
		g.wantPassed(t)
		g.wantUpstream(t, "authorization")
	})
}

func TestForgedIdentityNeverReachesTheUpstream(t *testing.T) {
	text, id := shared.newKey(t, nil)
	forged := [][2]string{
		{"X-Credence-Key-Id", "key_forged"},
		{"X-Credence-Key-Id", "key_again"},
		{"X-Credence-Owner", "forged"},
		{"X-Credence-Plan", "forged"},
		{"X-Credence-Type", "forged"},
		{"X-Credence-Scopes", "forged"},
		{"X-Credence-Namespace", "forged"},
	}
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := shared.ask(t, p, "GET", "/forged", append(forged, [2]string{"X-Api-Key", text})...)
		g.wantPassed(t)
		g.wantUpstream(t, "x-credence-key-id", id)
		for _, h := range g.echoed.Headers {
			if strings.Contains(h[1], "forged") || strings.Contains(h[1], "again") {
				t.Errorf("the upstream got %s: %s", h[0], h[1])
			}
		}
	})
}

// Whatever reads _ or . as - must not find what a client forged: the proxy
// refuses or drops such a name, or we do.
func TestOtherSpellingsOfIdentityNeverReachTheUpstream(t *testing.T) {
	text, _ := shared.newKey(t, nil)
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		for _, name := range []string{
			"x_credence_owner", "X_Credence_Key_Id", "X-Credence_Owner", "x_credence-plan", "x.credence.owner", "X-Credence.Key-Id", "x.credence_scopes",
		} {
			g := shared.ask(t, p, "GET", "/alias", [2]string{"X-Api-Key", text}, [2]string{name, "forged"})
			if g.echoed == nil {
				if g.status != http.StatusBadRequest {
					t.Errorf("%s: refused with %d, want 400", name, g.status)
				}
				continue
			}
			for _, h := range g.echoed.Headers {
				if strings.Contains(h[1], "forged") {
					t.Errorf("%s: the upstream got %s: %s", name, h[0], h[1])
				}
			}
		}
	})
}

func TestRefusalsReachTheClient(t *testing.T) {
	bound, _ := shared.newKey(t, func(in *client.KeyCreate) { in.Methods = []string{"POST"} })
	good, _ := shared.newKey(t, nil)
	for _, c := range []struct {
		name    string
		headers [][2]string
		path    string
		status  int
		code    string
	}{
		{"no key", nil, "/refused", 401, "missing_api_key"},
		{"no key that anybody made", [][2]string{{"X-Api-Key", "nonsense"}}, "/refused", 401, "invalid_api_key"},
		{"two keys", [][2]string{{"X-Api-Key", good}, {"Authorization", "Bearer " + good}}, "/refused", 400, "ambiguous_api_key"},
		{"two lines", [][2]string{{"X-Api-Key", good}, {"X-Api-Key", good}}, "/refused", 400, "ambiguous_api_key"},
		{"a method that the key may not", [][2]string{{"X-Api-Key", bound}}, "/refused", 403, "forbidden"},
		{"a scope that the route wants", [][2]string{{"X-Api-Key", good}}, "/orders/1", 403, "insufficient_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shared.each(t, func(t *testing.T, p *proxy) {
				t.Helper()
				g := shared.ask(t, p, "GET", c.path, c.headers...)
				g.wantRefused(t, c.status)
				if g.header.Get("Cache-Control") != "no-store" || g.header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("headers %v, want no-store and problem+json", g.header)
				}
				if c.status == http.StatusUnauthorized && len(g.header.Values("WWW-Authenticate")) != 1 {
					t.Errorf("%q, want one challenge", g.header.Values("WWW-Authenticate"))
				}
				var problem struct {
					Status int    `json:"status"`
					Code   string `json:"code"`
				}
				if err := json.Unmarshal([]byte(g.body), &problem); err != nil || problem.Status != c.status {
					t.Errorf("body %s: %v", g.body, err)
				}
				if p.body && problem.Code != c.code {
					t.Errorf("code %q, want %q", problem.Code, c.code)
				}
				head := shared.ask(t, p, "HEAD", c.path, c.headers...)
				head.wantRefused(t, c.status)
			})
		})
	}
}

func TestALimitIsA429ThatSaysWhenToComeBack(t *testing.T) {
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		text, _ := shared.newKey(t, func(in *client.KeyCreate) {
			in.Limits = []client.Limit{{Name: "hourly", Limit: 1, Period: "1h", Burst: 1}}
		})
		g := shared.ask(t, p, "GET", "/limited", [2]string{"X-Api-Key", text})
		g.wantPassed(t)
		if !strings.HasPrefix(g.header.Get("RateLimit"), `"hourly";r=0`) || g.header.Get("RateLimit-Policy") == "" {
			t.Errorf("the client of an allowed request got %v", g.header)
		}
		g = shared.ask(t, p, "GET", "/limited", [2]string{"X-Api-Key", text})
		g.wantRefused(t, http.StatusTooManyRequests)
		if g.header.Get("Retry-After") == "" || !strings.HasPrefix(g.header.Get("RateLimit"), `"hourly";r=0`) {
			t.Errorf("the refused client got %v", g.header)
		}
	})
}

// What a client says about its own request in the proxies' words is not what
// the decision is made on.
func TestAClientCannotSayWhatItAskedFor(t *testing.T) {
	bound, _ := shared.newKey(t, func(in *client.KeyCreate) {
		in.Methods, in.Paths, in.Hosts = []string{"POST"}, []string{"/allowed"}, []string{"allowed.example"}
	})
	claims := [][2]string{
		{"X-Api-Key", bound},
		{"X-Forwarded-Method", "POST"},
		{"X-Forwarded-Uri", "/allowed"},
		{"X-Forwarded-Host", "allowed.example"},
		{"X-Original-Method", "POST"},
		{"X-Original-Uri", "/allowed"},
		{"X-Original-Url", "/allowed"},
		{"X-Original-Host", "allowed.example"},
		{"X-Envoy-Original-Path", "/allowed"},
		{"X-Http-Method-Override", "POST"},
		{"Forwarded", "host=allowed.example"},
		{"X-Credence-Call-Secret", "x"},
		{"X-Forwarded-Prefix", "/auth/orders"},
	}
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := shared.ask(t, p, "GET", "/secret", claims...)
		g.wantRefused(t, http.StatusForbidden)
		// The path chooses no policy either, and no other endpoint.
		for _, path := range []string{"/auth", "/auth/orders", "/envoy:orders/x", "/readyz", "/_credence", "/_credence/orders"} {
			g := shared.ask(t, p, "GET", path, claims...)
			if g.status == http.StatusOK || g.echoed != nil {
				t.Errorf("%s passed", path)
			}
		}
	})
}

func TestTheRouteChoosesThePolicy(t *testing.T) {
	reader, _ := shared.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"orders:read"} })
	other, _ := shared.newKey(t, nil)
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		for path, status := range map[string]int{"/orders/7?x=1": 403, "/elsewhere": 200} {
			if g := shared.ask(t, p, "GET", path, [2]string{"X-Api-Key", other}); g.status != status {
				t.Errorf("%s without the scope: %d, want %d", path, g.status, status)
			}
			if g := shared.ask(t, p, "GET", path, [2]string{"X-Api-Key", reader}); g.status != 200 {
				t.Errorf("%s with the scope: %d, want 200: %s", path, g.status, g.body)
			}
		}
	})
}

// None of them takes the parameter away, which the README says; it must be
// found, and found once.
func TestAKeyInTheQueryIsFound(t *testing.T) {
	text, id := shared.newKey(t, nil)
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := shared.ask(t, p, "GET", "/query?a=b&api_key="+text+"&c=d")
		g.wantPassed(t)
		g.wantUpstream(t, "x-credence-key-id", id)
		g = shared.ask(t, p, "GET", "/query?api_key="+text+"&api_key="+text)
		g.wantRefused(t, http.StatusBadRequest)
		if strings.Contains(g.body, text) {
			t.Error("the answer repeats the key")
		}
		g = shared.ask(t, p, "GET", "/query?api%5Fkey="+text)
		g.wantRefused(t, http.StatusBadRequest)
	})
}

func TestTheClientAddressIsTheProxysWord(t *testing.T) {
	near, _ := shared.newKey(t, func(in *client.KeyCreate) { in.Networks = []string{"127.0.0.0/8"} })
	far, _ := shared.newKey(t, func(in *client.KeyCreate) { in.Networks = []string{"203.0.113.0/24"} })
	claims := [][2]string{{"X-Client-Ip", "203.0.113.9"}, {"X-Forwarded-For", "203.0.113.9"}, {"X-Real-Ip", "203.0.113.9"}, {"True-Client-Ip", "203.0.113.9"}}
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := shared.ask(t, p, "GET", "/address", append(claims, [2]string{"X-Api-Key", near})...)
		g.wantPassed(t)
		g = shared.ask(t, p, "GET", "/address", append(claims, [2]string{"X-Api-Key", far})...)
		g.wantRefused(t, http.StatusForbidden)
	})
}

func TestNoLogHoldsAKey(t *testing.T) {
	text, _ := shared.newKey(t, nil)
	shared.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		shared.ask(t, p, "GET", "/log?api_key="+text)
		shared.ask(t, p, "GET", "/log?api_key="+text+"&api_key=x")
		shared.ask(t, p, "GET", "/log", [2]string{"X-Api-Key", text})
		shared.ask(t, p, "GET", "/log", [2]string{"X-Api-Key", text}, [2]string{"Authorization", "Bearer " + text})
		log, err := os.ReadFile(p.log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			t.Errorf("the log of %s holds the key", p.name)
		}
	})
	log, err := shared.credence.Log()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), text) {
		t.Error("the log of credence holds the key")
	}
}
