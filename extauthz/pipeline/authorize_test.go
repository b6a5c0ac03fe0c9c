package pipeline

import (
	"net/netip"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestKeyIsBoundToItsNetworks(t *testing.T) {
	for client, allowed := range map[string]bool{
		"203.0.113.7": true, "::ffff:203.0.113.7": true, "203.0.114.1": false,
		"2001:db8::1": true, "2001:db9::1": false, "192.0.2.9": true, "192.0.2.200": false,
	} {
		w := newWorld(t)
		r := w.record()
		r.Networks = prefixes("203.0.113.0/24", "2001:db8::/32", "::ffff:192.0.2.0/121")
		*w.key = *mustKey(t, r)
		w.request.Peer = netip.MustParseAddr(client)
		if got := w.decide(t).Reason; (got == ReasonAllowed) != allowed || !allowed && got != ReasonNetworkNotAllowed {
			t.Errorf("%s: %v", client, got)
		}
	}
}

func TestHostsAreComparedWithoutPortAndLetterCase(t *testing.T) {
	rules := []string{"api.example.com", "*.shop.example"}
	for host, allowed := range map[string]bool{
		"api.example.com": true, "API.Example.COM": true, "api.example.com:443": true,
		"a.shop.example": true, "a.b.SHOP.example:8080": true,
		"shop.example": false, ".shop.example": false, "ashop.example": false, "xapi.example.com": false, "api.example.com.": false,
		"": false, ":443": false, "api.example.com:": false, "api.example.com:x": false, "api.example.com:1:2": false,
		"api.example.com,evil.example": false, "evil.example,a.shop.example": false,
		"evil.example/a.shop.example": false, "u@a.shop.example": false, "evil\x00.shop.example": false,
		"[::1]": false, "\xff.shop.example": false, "b\u00fccher.shop.example": false, "\u212aey.shop.example": false,
	} {
		if got := allowsHost(rules, []byte(host)); got != allowed {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestMethodsAreComparedExactly(t *testing.T) {
	for method, want := range map[string]Reason{
		"GET": ReasonAllowed, "PURGE": ReasonAllowed, "HEAD": ReasonRouteNotAllowed, "get": ReasonRouteNotAllowed,
		"": ReasonRouteNotAllowed, "GETX": ReasonRouteNotAllowed,
	} {
		w := newWorld(t)
		w.key.Bounds = &Bounds{Methods: []string{"GET", "PURGE"}}
		w.request.Method = []byte(method)
		w.want(t, want)
	}
}

func TestEnvironmentOfTheRouteBindsTheKey(t *testing.T) {
	for environment, want := range map[string]Reason{"live": ReasonAllowed, "test": ReasonRouteNotAllowed} {
		w := newWorld(t)
		w.extend("credence.environment", environment)
		w.want(t, want)
	}
	w := newWorld(t)
	w.key.Environment = ""
	w.extend("credence.environment", "live")
	w.want(t, ReasonRouteNotAllowed)
}

// Row 10 of facts section 4.
func TestPathsAreStrict(t *testing.T) {
	for _, c := range []struct {
		path    string
		allowed bool
	}{
		{"/orders", true},
		{"/orders?x=/../y;z", true},
		{"/orders#x", true},
		{"/orders/", false},
		{"/Orders", false},
		{"/items/", true},
		{"/items/7", true},
		{"/items/a/b?c=//d", true},
		{"/items/a%20b", true},
		{"/items/%C3%BC", true},
		{"/items/%c3%bc", true},
		{"/items", false},
		{"/itemsx/7", false},
		{"/%69tems/7", false},
		{"/items/.hidden", true},
		{"/items/...", true},
		{"/items/a..b", true},
		{"", false},
		{"?x", false},
		{"*", false},
		{"items/7", false},
		{"http://api.example.com/items/7", false},
		{"/items/../admin", false},
		{"/items/..", false},
		{"/items/.", false},
		{"/items/./7", false},
		{"/items//7", false},
		{"//items/7", false},
		{"/items/7//", false},
		{"/items/%2e%2e/admin", false},
		{"/items/%2E%2e", false},
		{"/items/.%2e/admin", false},
		{"/items/a%2fb", false},
		{"/items/a%2Fb", false},
		{"/items/a%5cb", false},
		{"/items/a\\b", false},
		{"/items/..\\admin", false},
		{"/items/a%00b", false},
		{"/items/a%0ab", false},
		{"/items/a%7fb", false},
		{"/items/a;b=c", false},
		{"/items/..;/admin", false},
		{"/.;/items/7", false},
		{"/items/a%3bb", false},
		{"/items/a%252fb", false},
		{"/items/a%", false},
		{"/items/a%2", false},
		{"/items/a%zz", false},
		{"/items/a b", false},
		{"/items/a\x00b", false},
		{"/items/a\tb", false},
		{"/items/\xc3\xbc", false},
		{"/items/%c3%bc", true},
		{"/items/%e2%82%ac%f0%9f%98%80/x", true},
		{"/items/%ef%bf%bd", true}, // U+FFFD itself
		{"/items/%c0%ae%c0%ae/admin", false},
		{"/items/%c0%af", false},
		{"/items/%e0%80%ae%e0%80%ae/admin", false},
		{"/items/%c3", false},
		{"/items/%c3x%bc", false},
		{"/items/%ff", false},
		{"/items/%ed%a0%80", false}, // a surrogate
		{"/items/\x7f", false},
	} {
		if got := allowsPath([]string{"/orders", "/items/*"}, []byte(c.path)); got != c.allowed {
			t.Errorf("%q: %v", c.path, got)
		}
	}
}

func TestOddPathsMatterOnlyToKeysWithPathRules(t *testing.T) {
	w := newWorld(t)
	w.request.Path = []byte("/a/../b;c%2f")
	w.want(t, ReasonAllowed)
	w.key.Bounds = &Bounds{Paths: []string{"/*"}}
	w.want(t, ReasonRouteNotAllowed)
}

func TestBlacklistOfANamespaceRefusesItsKeysOnly(t *testing.T) {
	w := newWorld(t)
	w.blacklist.add("shop", "203.0.113.0/24")
	w.want(t, ReasonAllowed)
	w.blacklist.add("default", "203.0.113.0/24")
	if d := w.decide(t); d.Reason != ReasonBlacklisted || d.Stage != StageAuthorize {
		t.Errorf("%v at %v", d.Reason, d.Stage)
	}
}

func TestScopeIsHeldExactlyOrByPrefix(t *testing.T) {
	const held = "admin items:* orders:read * x*"
	for demanded, want := range map[string]bool{
		"admin": true, "orders:read": true, "items:read": true, "items:read:all": true,
		"orders:write": false, "orders": false, "orders:": false, "orders:rea": false, "orders:readx": false,
		"items": false, "items:": false, "itemsx:read": false, "anything": false, "xy": false, "ADMIN": false,
	} {
		if got := holdsScope(held, []byte(demanded)); got != want {
			t.Errorf("%s: %v", demanded, got)
		}
	}
}

func TestAllDemandedScopesMustBeHeldAndTheFirstMissingIsNamed(t *testing.T) {
	for demanded, missing := range map[string]string{
		"orders:read":                "",
		"orders:read items:7":        "",
		"orders:read,items:7":        "",
		"orders:read, a":             "a",
		"b orders:read a":            "b",
		"orders:read,orders:write,b": "orders:write",
	} {
		w := newWorld(t)
		w.extend("credence.scopes", demanded)
		d := w.decide(t)
		if string(d.MissingScope) != missing || (d.Reason == ReasonScopeMissing) != (missing != "") {
			t.Errorf("%q: %v, missing %q, want %q", demanded, d.Reason, d.MissingScope, missing)
		}
	}
}

// A path that is let through is one that no cleaning, decoding or cutting
// leads out of the rule.
func FuzzPathRules(f *testing.F) {
	for _, seed := range []string{
		"/items/7", "/items/../x", "/items/%2e%2e/x", "/items/;a", "/items/%25", "/items//", "/items/?/../", "/items/%c3%bc#", "/items/%c0%ae%c0%ae/x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !allowsPath([]string{"/items/*"}, raw) {
			return
		}
		plain, _, _ := strings.Cut(string(raw), "#")
		plain, _, _ = strings.Cut(plain, "?")
		decoded, err := url.PathUnescape(plain)
		if err != nil {
			t.Fatalf("%q cannot be decoded", raw)
		}
		if !utf8.ValidString(decoded) {
			t.Fatalf("%q is not UTF-8", raw)
		}
		for _, reading := range []string{plain, decoded} {
			cleaned := path.Clean(reading)
			if strings.HasSuffix(reading, "/") {
				cleaned += "/"
			}
			if cleaned != reading || !strings.HasPrefix(reading, "/items/") || strings.ContainsAny(reading, "\\;\x00") {
				t.Fatalf("%q reads as %q", raw, cleaned)
			}
		}
		if again, err := url.PathUnescape(decoded); err != nil || again != decoded {
			t.Fatalf("%q decodes twice", raw)
		}
	})
}
