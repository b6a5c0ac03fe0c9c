package route_test

import (
	"errors"
	"strings"
	"testing"

	"credence/store/route"
)

// office is policies as an API in front of several services may have them.
func office() []route.Chooser {
	return []route.Chooser{
		{Name: "named-only"},
		{Name: "anywhere", Paths: []string{"/*"}},
		{Name: "health", Paths: []string{"/healthz"}, Methods: []string{"GET", "HEAD"}},
		{Name: "api", Hosts: []string{"api.example.com"}},
		{Name: "orders", Hosts: []string{"api.example.com"}, Paths: []string{"/orders", "/orders/*"}},
		{Name: "order-writes", Hosts: []string{"api.example.com"}, Paths: []string{"/orders", "/orders/*"}, Methods: []string{"POST", "DELETE"}},
		{Name: "deep", Hosts: []string{"api.example.com"}, Paths: []string{"/orders/archive/*"}},
		{Name: "one", Hosts: []string{"api.example.com"}, Paths: []string{"/orders/archive/2020"}},
		{Name: "admin", Hosts: []string{"api.example.com"}, Paths: []string{"/admin", "/admin/*"}},
		{Name: "below", Hosts: []string{"*.example.com"}},
		{Name: "deeper", Hosts: []string{"*.eu.example.com"}},
		{Name: "host-only", Hosts: []string{"files.example.com"}},
	}
}

func newTable(tb testing.TB, all []route.Chooser) *route.Table {
	tb.Helper()
	table, err := route.New(all)
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

// want is the name of the policy, or the verdict in brackets.
func outcome(all []route.Chooser, m route.Match) string {
	if m.Verdict == route.Found {
		return all[m.Policy].Name
	}
	return "(" + m.Verdict.String() + ")"
}

func TestTheMostSpecificRuleWins(t *testing.T) {
	all := office()
	table := newTable(t, all)
	for _, c := range []struct{ request, want string }{
		{"GET other.org /x", "anywhere"},
		{"GET other.org /healthz", "health"},
		{"POST other.org /healthz", "anywhere"},
		{"GET api.example.com /healthz", "api"}, // the host comes before the path
		{"GET api.example.com /x", "api"},
		{"GET api.example.com:8443 /x?y=/orders", "api"},
		{"GET API.Example.COM /orders", "orders"},
		{"GET api.example.com /orders/7?page=2", "orders"},
		{"GET api.example.com /orders/7#/../admin", "orders"},
		{"GET api.example.com /ordersX", "api"},
		{"POST api.example.com /orders", "order-writes"},
		{"DELETE api.example.com /orders/7", "order-writes"},
		{"DELETE api.example.com /orders/archive/7", "deep"},
		{"GET api.example.com /orders/archive/2020", "one"},
		{"GET api.example.com /orders/archive/2020/1", "deep"},
		{"GET api.example.com /orders/archive/2021", "deep"},
		{"GET api.example.com /admin", "admin"},
		{"GET api.example.com /admin/", "admin"},
		{"GET api.example.com /admin/a/b", "admin"},
		{"GET www.example.com /orders", "below"},
		{"GET a.b.example.com /", "below"},
		{"GET a.eu.example.com /", "deeper"},
		{"GET eu.example.com /", "below"},
		{"GET example.com /", "anywhere"},
		{"GET xexample.com /", "anywhere"},
		{"GET files.example.com /", "host-only"},
		{"GET [2001:db8::1]:80 /", "anywhere"},
		{"GET 192.0.2.1:80 /", "anywhere"},
	} {
		f := strings.Fields(c.request)
		m := table.Match([]byte(f[1]), []byte(f[2]), []byte(f[0]))
		if got := outcome(all, m); got != c.want {
			t.Errorf("%s: %s by %s (%s), want %s", c.request, got, m.Rule, m.Explain(), c.want)
		}
	}
}

func TestWithoutARuleForItARequestHasNoPolicy(t *testing.T) {
	all := []route.Chooser{{Name: "a", Hosts: []string{"a.example.com"}, Paths: []string{"/x/*"}, Methods: []string{"GET"}}, {Name: "b"}}
	table := newTable(t, all)
	for _, request := range []string{"GET b.example.com /x/1", "GET a.example.com /y", "POST a.example.com /x/1", "GET b.example.com /a//b", "CONNECT b.example.com:443 "} {
		f := strings.Split(request, " ")
		if m := table.Match([]byte(f[1]), []byte(f[2]), []byte(f[0])); m.Verdict != route.None {
			t.Errorf("%s: %s", request, outcome(all, m))
		}
	}
}

// A request that is spelled oddly must not fall from a strict rule to a lax
// one, or to none.
func TestAnOddlySpelledRequestIsNotGuessedAt(t *testing.T) {
	all := office()
	table := newTable(t, all)
	lax := newTable(t, all[3:9]) // without a rule for every path
	for _, c := range []struct {
		method, host, path string
		why                route.Why
	}{
		{"GET", "api.example.com", "//admin/x", route.OddPath},
		{"GET", "api.example.com", "/x//admin", route.OddPath},
		{"GET", "api.example.com", "/./admin/x", route.OddPath},
		{"GET", "api.example.com", "/x/../admin/x", route.OddPath},
		{"GET", "api.example.com", "/x/%2e%2e/admin", route.OddPath},
		{"GET", "api.example.com", "/admin%2fx", route.OddPath},
		{"GET", "api.example.com", "/admin%2Fx", route.OddPath},
		{"GET", "api.example.com", "/admin;a=b/x", route.OddPath},
		{"GET", "api.example.com", "/admin%3ba/x", route.OddPath},
		{"GET", "api.example.com", "/admin\\x", route.OddPath},
		{"GET", "api.example.com", "/admin%5cx", route.OddPath},
		{"GET", "api.example.com", "/%2561dmin", route.OddPath},
		{"GET", "api.example.com", "/admin%00", route.OddPath},
		{"GET", "api.example.com", "/admin%", route.OddPath},
		{"GET", "api.example.com", "/\xc3\xa4", route.OddPath},
		{"GET", "api.example.com", "/%c0%aeadmin", route.OddPath},
		{"GET", "api.example.com", "", route.OddPath},
		{"OPTIONS", "api.example.com", "*", route.OddPath},
		{"GET", "api.example.com", "http://api.example.com/admin", route.OddPath},
		{"GET", "api.example.com", "/Admin", route.NearPath},
		{"GET", "api.example.com", "/ADMIN/x", route.NearPath},
		{"GET", "api.example.com", "/%61dmin/x", route.NearPath},
		{"GET", "api.example.com", "/%41dmin", route.NearPath},
		{"GET", "api.example.com", "/orders/archive/2020/", route.NearPath},
		{"GET", "api.example.com", "/orders/archive", route.NearPath},
		{"post", "api.example.com", "/orders/1", route.NearCase},
		{"GET", "api.example.com,files.example.com", "/admin", route.OddHost},
		{"GET", "api.example.com.", "/admin", route.OddHost},
		{"GET", "api..example.com", "/admin", route.OddHost},
		{"GET", ".example.com", "/admin", route.OddHost},
		{"GET", "user@api.example.com", "/admin", route.OddHost},
		{"GET", "api.example.com:", "/admin", route.OddHost},
		{"GET", "api.example.com:80:80", "/admin", route.OddHost},
		{"GET", "api.example.com:x", "/admin", route.OddHost},
		{"GET", "api%2eexample.com", "/admin", route.OddHost},
		{"GET", "api.example.com/", "/admin", route.OddHost},
		{"GET", "[api.example.com]", "/admin", route.OddHost},
		{"GET", "[]", "/admin", route.OddHost},
		{"GET", "", "/admin", route.OddHost},
		{"GET", strings.Repeat("a", 254), "/admin", route.OddHost},
	} {
		for name, table := range map[string]*route.Table{"all": table, "lax": lax} {
			m := table.Match([]byte(c.host), []byte(c.path), []byte(c.method))
			if m.Verdict != route.Unclear || m.Why != c.why || m.Explain() == "" {
				t.Errorf("%s: %s %q %q: %s, why %d (%s), want unclear, %d", name, c.method, c.host, c.path, m.Verdict, m.Why, m.Explain(), c.why)
			}
		}
	}
}

// What no rule looks at may be spelled as it likes.
func TestWhatDoesNotMatterIsNotJudged(t *testing.T) {
	all := office()
	table := newTable(t, all)
	for _, c := range []struct{ method, host, path, want string }{
		{"GET", "files.example.com", "/a//b;c/%2e%2e/", "host-only"}, // only the host decides there
		{"get", "files.example.com", "/", "host-only"},
		{"GET", "api.example.com", "/Orders2/%C3%A4", "api"},
		{"GET", "api.example.com", "/orders/A%20b%3Ac", "orders"},
		{"GET", "api.example.com", "/orders/ARCHIVE2", "orders"},
		{"GET", "api.example.com", "/" + strings.Repeat("x/", 5000), "api"},
		{"GET", "api.example.com", "/orders/" + strings.Repeat("x", 10_000), "orders"},
	} {
		if got := outcome(all, table.Match([]byte(c.host), []byte(c.path), []byte(c.method))); got != c.want {
			t.Errorf("%s %s %.80s: %s, want %s", c.method, c.host, c.path, got, c.want)
		}
	}
	none := newTable(t, []route.Chooser{{Name: "a"}})
	if m := none.Match([]byte("a,b"), []byte("//"), []byte("get")); m.Verdict != route.None {
		t.Errorf("without rules: %s", m.Verdict)
	}
}

func TestTwoPoliciesWithTheSameRuleAreRefused(t *testing.T) {
	for name, c := range map[string][2]route.Chooser{
		"the same path":           {{Paths: []string{"/a"}}, {Paths: []string{"/b", "/a"}}},
		"any path in two ways":    {{Paths: []string{"/*"}}, {Hosts: nil, Paths: []string{"/*"}}},
		"any path of a host":      {{Hosts: []string{"a.b"}}, {Hosts: []string{"a.b"}, Paths: []string{"/*"}}},
		"but for letter case":     {{Paths: []string{"/a/*"}}, {Paths: []string{"/A/*"}}},
		"but for case, by method": {{Paths: []string{"/a"}, Methods: []string{"GET"}}, {Paths: []string{"/A"}, Methods: []string{"PUT"}}},
		"one of the methods":      {{Paths: []string{"/a"}, Methods: []string{"GET", "PUT"}}, {Paths: []string{"/a"}, Methods: []string{"PUT"}}},
		"one of the hosts":        {{Hosts: []string{"*.a.b", "x.y"}}, {Hosts: []string{"x.y", "z"}}},
	} {
		c[0].Name, c[1].Name = "first", "second"
		_, err := route.New(c[:])
		e, ok := errors.AsType[*route.AmbiguousError](err)
		if !ok || e.Policy != "second" || e.Other != "first" || !strings.Contains(err.Error(), `"first"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string][2]route.Chooser{
		"below and itself":  {{Paths: []string{"/a"}}, {Paths: []string{"/a/*"}}},
		"another method":    {{Paths: []string{"/a"}, Methods: []string{"GET"}}, {Paths: []string{"/a"}}},
		"another host":      {{Hosts: []string{"*.a.b"}}, {Hosts: []string{"x.a.b"}}},
		"nothing":           {{}, {}},
		"twice in the same": {{Paths: []string{"/a", "/a"}}, {}},
	} {
		if _, err := route.New(c[:]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMatchDoesNotAllocate(t *testing.T) {
	table := newTable(t, office())
	host, method := []byte("api.example.com:8443"), []byte("GET")
	for _, path := range []string{"/orders/archive/2021?x=y", "/Admin/x", "//", "/nothing/" + strings.Repeat("a/", 200)} {
		target := []byte(path)
		if n := testing.AllocsPerRun(100, func() { table.Match(host, target, method) }); n != 0 {
			t.Errorf("%.40s: %v allocations", path, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	table := newTable(b, office())
	host, target, method := []byte("api.example.com:8443"), []byte("/orders/archive/2021?x=y"), []byte("GET")
	b.ReportAllocs()
	for b.Loop() {
		if m := table.Match(host, target, method); m.Verdict != route.Found {
			b.Fatal(m.Verdict)
		}
	}
}
