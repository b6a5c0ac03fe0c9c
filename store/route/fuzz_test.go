package route_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"credence/store/route"
)

// FuzzGettingAround has a lax policy for everything and a strict one below
// /admin. Whatever a request looks like: if some way of reading its path leads
// below /admin, it does not get the lax policy.
func FuzzGettingAround(f *testing.F) {
	for _, seed := range []string{
		"/admin", "/admin/", "/ADMIN/x", "/%61dmin", "/x/../admin", "//admin", "/admin;x", "/admin%2fx", "/admin\\x", "/x", "/administrator",
		"/a%64min/%2e", "/admin?x", "/?/admin", "/x#/admin", "/%41dmin/..", "/admin%3fx", "/admin%23", "/.admin", "/admin.", "/admin%20",
	} {
		f.Add("a.example.com", seed)
	}
	all := []route.Chooser{
		{Name: "lax", Paths: []string{"/*"}},
		{Name: "strict", Hosts: []string{"a.example.com"}, Paths: []string{"/admin", "/admin/*"}},
	}
	table := newTable(f, all)
	f.Fuzz(func(t *testing.T, host, target string) {
		m := table.Match([]byte(host), []byte(target), []byte("GET"))
		name, _, _ := strings.Cut(host, ":")
		if !strings.EqualFold(strings.TrimSuffix(name, "."), "a.example.com") {
			return
		}
		if outcome(all, m) != "lax" {
			return
		}
		for _, reading := range readings(target) {
			lower := strings.ToLower(path.Clean("/" + reading))
			if lower == "/admin" || strings.HasPrefix(lower, "/admin/") {
				t.Fatalf("%q at %q gets the lax policy, and can be read as %q", target, host, reading)
			}
		}
	})
}

// readings are ways in which servers read a path.
func readings(target string) []string {
	raw := target
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i]
	}
	all := []string{raw}
	for range 2 {
		decoded, err := url.PathUnescape(all[len(all)-1])
		if err != nil {
			break
		}
		all = append(all, decoded)
	}
	for _, reading := range all {
		var segments []string
		for segment := range strings.SplitSeq(strings.ReplaceAll(reading, `\`, "/"), "/") {
			segment, _, _ = strings.Cut(segment, ";")
			segments = append(segments, segment)
		}
		all = append(all, strings.Join(segments, "/"))
	}
	return all
}

// FuzzMatch holds the index against a plain search through all rules.
func FuzzMatch(f *testing.F) {
	f.Add("GET", "api.example.com", "/orders/1")
	f.Add("POST", "a.eu.example.com", "/healthz")
	f.Add("HEAD", "example.com", "/healthz/")
	f.Add("DELETE", "api.example.com", "/orders/archive/2020")
	all := office()
	table := newTable(f, all)
	f.Fuzz(func(t *testing.T, method, host, target string) {
		m := table.Match([]byte(host), []byte(target), []byte(method))
		if m.Verdict == route.Unknown {
			t.Fatal("unknown")
		}
		if m.Verdict == route.Unclear {
			return
		}
		if got, want := outcome(all, m), plainSearch(all, method, host, target); got != want {
			t.Fatalf("%s %s %q: %s by %s, a plain search finds %s", method, host, target, got, m.Rule, want)
		}
	})
}

// plainSearch ranks every rule that the request meets as it is spelled.
func plainSearch(all []route.Chooser, method, host, target string) string {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	if !strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(strings.ToLower(host), ":")
	}
	best, found := [3]int{-1}, "(none)"
	for _, c := range all {
		if c.Rules() == 0 {
			continue
		}
		rank := [3]int{rankOf(c.Hosts, func(rule string) int {
			if suffix, wild := strings.CutPrefix(rule, "*"); wild {
				return within(strings.HasSuffix(host, suffix) && len(host) > len(suffix), len(suffix))
			}
			return within(host == rule, 1000)
		}), rankOf(c.Paths, func(rule string) int {
			if prefix, below := strings.CutSuffix(rule, "*"); below {
				return within(prefix == "/" || strings.HasPrefix(target, prefix), len(prefix)-1)
			}
			return within(target == rule, 1000)
		}), rankOf(c.Methods, func(rule string) int { return within(method == rule, 1) })}
		if rank[0] < 0 || rank[1] < 0 || rank[2] < 0 {
			continue
		}
		if rank[0] > best[0] || rank[0] == best[0] && (rank[1] > best[1] || rank[1] == best[1] && rank[2] > best[2]) {
			best, found = rank, c.Name
		}
	}
	return found
}

func within(meets bool, rank int) int {
	if meets {
		return rank
	}
	return -1
}

func rankOf(rules []string, rank func(string) int) int {
	if len(rules) == 0 {
		return 0
	}
	best := -1
	for _, rule := range rules {
		best = max(best, rank(rule))
	}
	return best
}
