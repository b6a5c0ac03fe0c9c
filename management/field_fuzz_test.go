package management

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// clean reports that the parse noted no problem; each problem it did note has
// words and stays short, however long the value.
func clean(t *testing.T, p *problems) bool {
	t.Helper()
	for _, f := range p.fields {
		if f.Field == "" || f.Problem == "" || f.Remedy == "" || len(f.Problem) > 512 || !utf8.ValidString(f.Problem) {
			t.Fatalf("problem %+v", f)
		}
	}
	return len(p.fields) == 0
}

func FuzzAnAcceptedNetworkIsMaskedAndUnmapped(f *testing.F) {
	for _, seed := range []string{"203.0.113.0/24", "203.0.113.7/24", "::ffff:192.0.2.1", "::ffff:0:0/96", "2001:db8::/32", "fe80::1%eth0", "::/0", "", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := &problems{}
		network := p.network("network", value)
		if !clean(t, p) {
			return
		}
		if !network.IsValid() || network != network.Masked() || network.Addr().Is4In6() || network.Addr().Zone() != "" {
			t.Fatalf("%q was accepted as %v", value, network)
		}
		if again, err := netip.ParsePrefix(network.String()); err != nil || again != network {
			t.Fatalf("%v does not read back", network)
		}
	})
}

func FuzzWhatReachesHeadersIsVisibleASCII(f *testing.F) {
	for _, seed := range []string{"orders:read", "a b", "a,b", "a\"b", "a\r\nb", "ä", "", "a/b", "team@example.com", "..", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for name, parse := range map[string]func(p *problems){
			"scope":       func(p *problems) { p.scopes([]string{value}) },
			"slug":        func(p *problems) { p.slug(value) },
			"namespace":   func(p *problems) { p.namespaceName(value) },
			"environment": func(p *problems) { p.environment(value) },
			"prefix":      func(p *problems) { p.keyPrefix(value) },
		} {
			p := &problems{}
			parse(p)
			if clean(t, p) && (!visible(value) || strings.ContainsAny(value, `," `)) {
				t.Fatalf("%s %q was accepted", name, value)
			}
		}
	})
}

func FuzzAnAcceptedPathIsReadInOneWay(f *testing.F) {
	for _, seed := range []string{"/", "/*", "/a/b", "/a/*", "/a/*/b", "/a//b", "/a/../b", "/a/.", "/a%2fb", "/a;b", "/a?b", "/a#b", `/a\b`, "a", "/a*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := &problems{}
		p.paths([]string{value})
		if !clean(t, p) {
			return
		}
		plain := strings.TrimSuffix(value, "*")
		if !strings.HasPrefix(value, "/") || !visible(value) || strings.ContainsAny(plain, `*%;?#\`) ||
			strings.Contains(value, "//") || strings.Contains(value+"/", "/./") || strings.Contains(value+"/", "/../") {
			t.Fatalf("path %q was accepted", value)
		}
	})
}

func FuzzTextsNeverForgeALine(f *testing.F) {
	for _, seed := range []string{"a name", "a\nb", "\x1b[31m", " a", "\u202e", "\xff", "x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := &problems{}
		p.text("name", value, 0, maxName)
		p.labels(map[string]string{"l": value})
		p.hosts([]string{value})
		p.methods([]string{value})
		p.idempotencyKey(Idempotency{Key: value})
		clean(t, p)
		q := &problems{}
		if q.text("name", value, 0, maxName); clean(t, q) && (strings.ContainsAny(value, "\r\n\t\x00\x1b\u202e") || !utf8.ValidString(value)) {
			t.Fatalf("text %q was accepted", value)
		}
	})
}

func FuzzAnEndIsAfterNowAndCanBeWritten(f *testing.F) {
	for _, seed := range []string{"720h", "1ns", "-1h", "9223372036s", "99999999999h", "1h30m", "30d", ""} {
		f.Add(seed, int64(0))
	}
	f.Add("", int64(253402300800))
	f.Fuzz(func(t *testing.T, span string, unix int64) {
		now := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
		var at time.Time
		if unix != 0 {
			at = time.Unix(unix%(1<<40), 0)
		}
		p := &problems{now: now}
		end := p.end("expires_at", at, "expires_in", span)
		if !clean(t, p) || end.IsZero() {
			return
		}
		if _, err := end.MarshalJSON(); err != nil || !end.After(now) {
			t.Fatalf("%q, %v was accepted as %v (%v)", span, at, end, err)
		}
	})
}
