package forward

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/store/credential"
)

func TestOnlyEndpointsOfTheTableAreAnswered(t *testing.T) {
	w := newWorld(t, nil)
	key := header{"X-Api-Key", w.text}
	original := []header{
		key,
		{"X-Forwarded-Method", "GET"},
		{"X-Forwarded-Host", "h"},
		{"X-Forwarded-Uri", "/"},
		{"X-Original-Method", "GET"},
		{"X-Original-Host", "h"},
		{"X-Original-Uri", "/"},
	}
	for _, target := range []string{"/envoy/", "/envoy:orders/x", "/envoy//", "/auth", "/auth?a=b", "/auth/orders?x", "/auth-request", "/auth-request/orders"} {
		if r := w.ask(t, "GET", target, original...); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, want 200", target, r.StatusCode)
		}
	}
	for _, target := range []string{
		"", "/", "*", "/envoy", "/envoy?x=/", "/envoyx/", "/envoy:/", "/envoy:Orders/", "/envoy:a/../b", "/ENVOY/", "/auth/", "/auth//orders", "/auth/orders/", "/auth/../envoy/",
		"/auth/a%2fb", "/authx", "/auth-requests", "/auth-request:orders", "/auth:orders", "//auth", "/%61uth", "http://h/auth", "api.example.com:443", "/readyz/", "/metrics",
		"/auth/" + strings.Repeat("a", 64),
	} {
		r := w.ask(t, "GET", target, original...)
		if target == "/envoy:a/../b" { // policy a, which nobody wrote
			if r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s: %d, want 503", target, r.StatusCode)
			}
			continue
		}
		if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.Body, `"unavailable"`) || r.Header.Get("Location") != "" {
			t.Errorf("%q: %d, want 503", target, r.StatusCode)
		}
	}
	if !strings.Contains(w.log.String(), "unknown endpoint") {
		t.Error("nobody was told")
	}
	if n := w.counted(t, "credence_forward_answers_total", "none"); n < 20 {
		t.Errorf("%v unknown endpoints counted", n)
	}
}

func TestAPolicyThatNobodyWroteIsDenied(t *testing.T) {
	w := newWorld(t, nil)
	r := w.ask(t, "GET", "/envoy:nobody-wrote-it/x", header{"X-Api-Key", w.text})
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", r.StatusCode)
	}
	if !strings.Contains(w.log.String(), "nobody-wrote-it") {
		t.Error("the log does not name the policy")
	}
}

func TestThePathNamesAStoredPolicyWhereNoneOfThatNameIsWritten(t *testing.T) {
	w := newWorld(t, nil)
	for target, want := range map[string]int{
		"/envoy:stored-orders/x": 200,
		"/envoy:stored-admin/x":  403,
		"/envoy:orders/x":        200, // the written one demands less, and holds
	} {
		if r := w.ask(t, "GET", target, header{"X-Api-Key", w.text}); r.StatusCode != want {
			t.Errorf("%s: status %d, want %d", target, r.StatusCode, want)
		}
	}
	if strings.Contains(w.log.String(), "unknown policy") {
		t.Error("a stored policy is logged as unknown")
	}
}

// Without a policy in the path the rules of stored ones decide, by what the
// proxy says of the client's request; the client's own headers say nothing.
func TestWithoutAPolicyInThePathRulesDecide(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		path, host, uri string
		status          int
	}{
		{"/auth", "stored.example.com", "/orders", 200},
		{"/auth", "stored.example.com", "/admin/users", 403},
		{"/auth", "stored.example.com", "/admin", 403}, // /admin/* without its slash: not guessed
		{"/auth", "STORED.example.com:443", "/admin/users?x=y", 403},
		{"/auth", "stored.example.com", "/x/../admin/users", 403},
		{"/auth", "stored.example.com", "/%61dmin/users", 403},
		{"/auth", "stored.example.com", "//admin/users", 403},
		{"/auth", "other.example.com", "/admin/users", 200},
		{"/auth/silent", "stored.example.com", "/admin/users", 200}, // a policy was named, and demands nothing
		{"/auth/stored-orders", "stored.example.com", "/admin/users", 200},
	} {
		r := w.ask(t, "GET", c.path, header{"X-Forwarded-Method", "GET"}, header{"X-Forwarded-Host", c.host}, header{"X-Forwarded-Uri", c.uri},
			header{"X-Api-Key", w.text}, header{"X-Credence-Policy", "stored-orders"}, header{"X-Original-Uri", "/orders"}, header{"X-Original-Host", "other.example.com"})
		if r.StatusCode != c.status {
			t.Errorf("%s for %s%s: status %d, want %d; %s", c.path, c.host, c.uri, r.StatusCode, c.status, r.Body)
		}
	}
}

func TestPoliciesThatMakeNoSenseAreNamed(t *testing.T) {
	for want, written := range map[string]map[string]map[string]string{
		`policy "Orders": not a name`:                    {"Orders": {}},
		`policy "orders": unknown word "scope"`:          {"orders": {"scope": "a"}},
		`policy "orders": unknown word "policy"`:         {"orders": {"policy": "a"}},
		`policy "orders": cost: "-1" makes no sense`:     {"orders": {"cost": "-1"}},
		`policy "orders": mode: "" makes no sense there`: {"orders": {"mode": ""}},
	} {
		if _, err := NewPolicies(written); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", written, err, want)
		}
	}
}

// A proxy that adds its word to a forged one, or forgets it, is not guessed at.
func TestTheOriginalRequestMustBeSaidExactlyOnce(t *testing.T) {
	w := newWorld(t, nil)
	whole := []header{{"X-Api-Key", w.text}, {"X-Forwarded-Method", "GET"}, {"X-Forwarded-Host", "h"}, {"X-Forwarded-Uri", "/"}}
	for name, headers := range map[string][]header{
		"no uri":         whole[:3],
		"no host":        slices.Concat(whole[:2], whole[3:]),
		"no method":      slices.Concat(whole[:1], whole[2:]),
		"two uris":       append(slices.Clone(whole), header{"X-Forwarded-Uri", "/"}),
		"two methods":    append(slices.Clone(whole), header{"X-Forwarded-Method", "GET"}),
		"two hosts":      append(slices.Clone(whole), header{"X-Forwarded-Host", "h"}),
		"odd method":     slices.Concat(whole[:1], whole[2:], []header{{"X-Forwarded-Method", "GE T"}}),
		"empty host":     slices.Concat(whole[:2], whole[3:], []header{{"X-Forwarded-Host", ""}}),
		"absolute uri":   append(slices.Clone(whole[:3]), header{"X-Forwarded-Uri", "http://h/"}),
		"nominated":      append(slices.Clone(whole), header{"Connection", "x-api-key, X-Client-Ip"}),
		"too many lines": append(slices.Clone(whole), slices.Repeat([]header{{"X-Line", "1"}}, maxHeaders)...),
	} {
		r := w.ask(t, "GET", "/auth", headers...)
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, r.StatusCode)
		}
		wantNoIdentity(t, r)
	}
	if r := w.ask(t, "GET", "/auth", whole...); r.StatusCode != http.StatusOK {
		t.Errorf("whole: %d, want 200", r.StatusCode)
	}
	if strings.Contains(w.log.String(), w.text) {
		t.Error("the log holds the key")
	}
}

// A header that Connection names is no way past us: whoever passes Connection
// on may pass the header on as well.
func TestAHeaderThatConnectionNamesIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	whole := []header{
		{"X-Api-Key", w.text},
		{"X-Forwarded-Method", "GET"},
		{"X-Forwarded-Host", "h"},
		{"X-Forwarded-Uri", "/"},
	}
	for name, more := range map[string][]header{
		"an alias":            {{"Connection", "x_credence_owner"}, {"x_credence_owner", "admin"}},
		"a second credential": {{"Connection", "authorization"}, {"Authorization", "Bearer " + w.spent}},
	} {
		r := w.ask(t, "GET", "/auth", append(slices.Clone(whole), more...)...)
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, r.StatusCode)
		}
		wantNoIdentity(t, r)
	}
	if r := w.ask(t, "GET", "/auth", append(slices.Clone(whole), header{"Connection", "keep-alive"})...); r.StatusCode != http.StatusOK {
		t.Errorf("Connection alone: %d, want 200", r.StatusCode)
	}
}

// A credential in a header with _ or . in its name is named for the upstream
// like any other, so that a proxy which copies what we name empties it.
func TestTheCredentialIsNamedWhateverItsSpelling(t *testing.T) {
	removed := &extauthz.Answer{Allowed: true, Remove: []string{"api_key"}}
	for _, p := range []*profile{{}, {removes: true}} {
		got := http.Header{}
		allow(got, p, removed)
		_, emptied := got["Api_key"]
		if named := got.Get("X-Envoy-Auth-Headers-To-Remove") == "api_key"; emptied == p.removes || named != p.removes {
			t.Errorf("removes %t: %v", p.removes, got)
		}
	}
}

func TestCallersWithoutTheSecretLearnNothing(t *testing.T) {
	secret := strings.Repeat("s", 40)
	w := newWorld(t, func(o *extauthz.Options) { o.CallSecrets = []credential.Text{credential.NewText(secret)} })
	var bodies []string
	for _, headers := range [][]header{
		{{"X-Api-Key", w.text}},
		{{"X-Api-Key", "nonsense"}},
		{{"X-Api-Key", w.text}, {"X-Credence-Call-Secret", "wrong"}},
		{{"X-Api-Key", w.text}, {"X-Credence-Call-Secret", secret}, {"X-Credence-Call-Secret", secret}},
	} {
		r := w.ask(t, "GET", "/envoy/", headers...)
		if r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", r.StatusCode)
		}
		bodies = append(bodies, r.Body)
	}
	if len(slices.Compact(bodies)) != 1 {
		t.Errorf("the answers differ: %q", bodies)
	}
	r := w.ask(t, "GET", "/envoy/", header{"X-Api-Key", w.text}, header{"X-Credence-Call-Secret", secret})
	if r.StatusCode != http.StatusOK {
		t.Errorf("with the secret: %d", r.StatusCode)
	}
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, ""), secret) {
			t.Errorf("%s repeats the secret", name)
		}
	}
}

func TestNotReadyMeansDenied(t *testing.T) {
	w := newWorld(t, func(o *extauthz.Options) { o.Ready = make(chan struct{}) })
	if r := w.ask(t, "GET", "/envoy/", header{"X-Api-Key", w.text}); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", r.StatusCode)
	}
	if r := w.ask(t, "GET", "/readyz"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d, want 503", r.StatusCode)
	}
	if r := newWorld(t, nil).ask(t, "GET", "/readyz"); r.StatusCode != http.StatusOK {
		t.Errorf("/readyz when ready: %d, want 200", r.StatusCode)
	}
}

// breaks is a pipeline that panics.
type breaks struct{}

func (breaks) Decide(context.Context, *pipeline.Request, *pipeline.Decision) { panic("it breaks") }

func TestWhatCannotBeDecidedIsDenied(t *testing.T) {
	w := newWorld(t, nil)
	late, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(late, http.MethodGet, "/envoy/", http.NoBody)
	r.RequestURI = "/envoy/"
	r.Header.Set("X-Api-Key", w.text)
	r.Header.Set("X-Client-Ip", "203.0.113.7")
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("after the caller gave up: %d, want 503", recorder.Code)
	}
	broken := newWorld(t, func(o *extauthz.Options) { o.Pipeline = breaks{} })
	if r := broken.ask(t, "GET", "/envoy/", header{"X-Api-Key", broken.text}); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a panic: %d, want 503", r.StatusCode)
	}
	if r := w.ask(t, "GET", "/envoy/", header{"X-Api-Key", w.text}); r.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d, want 200", r.StatusCode)
	}
}

// slow is a pipeline that waits for the test, then denies.
type slow struct{ begun, release chan struct{} }

func (s slow) Decide(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) {
	close(s.begun)
	<-s.release
	d.Reason = pipeline.ReasonMissingKey
}

func TestADrainLosesNoAnswer(t *testing.T) {
	s := slow{make(chan struct{}), make(chan struct{})}
	w := newWorld(t, func(o *extauthz.Options) { o.Pipeline = s })
	address, stop := w.serve(t, ServeOptions{Timeout: time.Minute})
	answered := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/envoy/x", http.NoBody)
		if err == nil {
			var r *http.Response
			if r, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(request); err == nil {
				err = r.Body.Close()
				if r.StatusCode != http.StatusUnauthorized {
					err = errors.New(r.Status)
				}
			}
		}
		answered <- err
	}()
	<-s.begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The listener closes while the answer is still to come.
	for {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(s.release)
	must(t, <-answered)
	must(t, <-stopped)
}
