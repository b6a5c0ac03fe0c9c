package cli_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// completions is what a shell is answered: the words, without what they are.
func (o *office) completions(args ...string) []string {
	o.t.Helper()
	var words []string
	for line := range strings.Lines(o.ok(append([]string{"__complete"}, args...)...)) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "" && !strings.HasPrefix(word, ":") {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

func TestAShellIsAnsweredWhatTheServerHas(t *testing.T) {
	o := open(t)
	o.ok("namespaces", "create", "payments")
	o.ok("plans", "create", "basic", "--limit", "1/s")
	o.ok("plans", "create", "bulk", "--limit", "1/s", "-n", "payments")
	o.ok("owners", "create", "team-a")
	o.ok("route-policies", "create", "orders", "--scope", "a")
	o.ok("keys", "create", "--name", "orders")
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "x")
	key, rule, token := o.first(), id(t, o.ok("blacklist", "list"), "blk_"), id(t, o.ok("tokens", "list"), "tok_")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"keys", "show", ""}, key},
		{[]string{"keys", "show", "key_"}, key},
		{[]string{"keys", "show", "kex"}, ""},
		{[]string{"keys", "revoke", ""}, key},
		{[]string{"keys", "show", key, ""}, ""},
		{[]string{"keys", "list", "--namespace", ""}, "default payments"},
		{[]string{"keys", "list", "--plan", "b"}, "basic bulk"},
		{[]string{"keys", "list", "-n", "payments", "--plan", "b"}, "bulk"},
		{[]string{"keys", "list", "--owner", ""}, "team-a"},
		{[]string{"keys", "list", "--status", "rev"}, "revoked"},
		{[]string{"keys", "list", "-o", ""}, "csv json table yaml"},
		{[]string{"plans", "delete", ""}, "basic bulk"},
		{[]string{"plans", "create", ""}, ""},
		{[]string{"owners", "show", "team"}, "team-a"},
		{[]string{"namespaces", "update", "p"}, "payments"},
		{[]string{"route-policies", "show", ""}, "orders"},
		{[]string{"blacklist", "remove", ""}, rule},
		{[]string{"tokens", "revoke", ""}, token},
		{[]string{"tokens", "create", "--role", "a"}, "admin auditor"},
		{[]string{"key-policies", "show", "e"}, "emergency"},
	} {
		if got := strings.Join(o.completions(tc.args...), " "); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.args, got, tc.want)
		}
	}
}

// TestAShellGetsNoErrorsAndDoesNotWait for a server that is not there or does
// not answer.
func TestAShellGetsNoErrorsAndDoesNotWait(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer server.Close()
	defer close(release)
	o := open(t)
	for _, at := range []string{server.URL, "http://127.0.0.1:1", "nonsense"} {
		o.options.Server = at
		began := time.Now()
		if got := o.completions("keys", "show", ""); len(got) > 0 {
			t.Errorf("%s: %v", at, got)
		}
		// The bound is two seconds; a call without it would take thirty.
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: the shell waited for %s", at, took)
		}
	}
}
