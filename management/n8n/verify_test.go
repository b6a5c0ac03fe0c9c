package n8n_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management/n8n"
	"credence/management/remote"
	"credence/store/credential"
	"credence/test/n8nserver"
)

// proxy passes calls on, and hangs up with the test.
func proxy(to *url.URL) http.Handler {
	p := httputil.NewSingleHostReverseProxy(to)
	p.Transport = &http.Transport{DisableKeepAlives: true}
	return p
}

func TestTheOutcomesOfAVerification(t *testing.T) {
	versions(t, func(f *fixture) {
		made := f.made("known", "tag:list", "workflow:read")
		old := f.n8n.Calls("POST /rest/api-keys/") == 0 && strings.Contains(f.Name(), n8nserver.Old)
		v := f.client.Verify(f.Context(), f.target, made.Secret)
		if v.Outcome != remote.Valid || !old && !slices.Equal(v.Scopes, []string{"tag:list", "workflow:read"}) {
			f.Errorf("a good key is %+v", v)
		}
		if v := f.client.Verify(f.Context(), f.target, credential.NewText("eyJhbGciOiJIUzI1NiJ9.e30.x")); v.Outcome != remote.Invalid || v.Expired {
			f.Errorf("a foreign key is %+v", v)
		}
		end, err := f.client.Create(f.Context(), f.target, n8n.Spec{Label: "ends", Scopes: []string{"tag:list"}, ExpiresAt: f.clock.Now().Add(time.Hour)})
		f.ok(err)
		f.clock.advance(2 * time.Hour)
		if v := f.client.Verify(f.Context(), f.target, end.Secret); v.Outcome != remote.Invalid || !v.Expired || !strings.Contains(v.Text, "expired at") {
			f.Errorf("an expired key is %+v", v)
		}
	})
}

// TestWhatSaysNothingAboutTheKeyIsUnknown: nothing of it may have a good key
// taken for a bad one.
func TestWhatSaysNothingAboutTheKeyIsUnknown(t *testing.T) {
	json := func(status int, body string) n8nserver.How {
		return n8nserver.Answer(status, "application/json", body)
	}
	for title, how := range map[string]n8nserver.How{
		"a page":                       n8nserver.Text("text/html", "<html>editor</html>"),
		"a missing page":               n8nserver.Status(404),
		"an empty 404":                 n8nserver.Answer(404, "", ""),
		"a redirect":                   n8nserver.Redirect("https://elsewhere.example/"),
		"too many":                     n8nserver.TooMany(12),
		"a 500":                        n8nserver.Status(500),
		"a 503":                        n8nserver.Status(503),
		"a lost answer":                n8nserver.LoseAnswer,
		"an endless answer":            n8nserver.Huge,
		"a page that says 401":         n8nserver.Status(401),
		"a page that says 403":         n8nserver.Status(403),
		"no header arrived":            json(401, `{"message":"'X-N8N-API-KEY' header required"}`),
		"no header, with a capital":    json(401, `{"message":"Unauthorized"}`),
		"a 200 that is not n8n's":      json(200, `{"hello":"world"}`),
		"a 401 of something else":      json(401, `{"error":"token expired"}`),
		"a 400":                        json(400, `{"message":"request must have a resource"}`),
		"a 403 on what needs no scope": json(403, `{"message":"Forbidden"}`),
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, n8nserver.New)
			made := f.made("known")
			for range 9 { // reads are tried again
				f.n8n.Disrupt("GET", "/api/v1/discover", how)
			}
			if v := f.client.Verify(t.Context(), f.target, made.Secret); v.Outcome != remote.Unknown || v.Text == "" {
				t.Errorf("the key is %s: %s", v.Outcome, v.Text)
			}
			f.n8n.Calm()
			f.clock.advance(2 * time.Minute) // it may have been left alone
			if v := f.client.Verify(t.Context(), f.target, made.Secret); v.Outcome != remote.Valid {
				t.Errorf("afterwards the key is %s: %s", v.Outcome, v.Text)
			}
		})
	}
}

// TestTheFallbackKnowsALimitedKey: without discover, a key that may not list
// workflows is one that n8n knows.
func TestTheFallbackKnowsALimitedKey(t *testing.T) {
	f := newFixture(t, "2.10.0")
	made, full := f.made("limited", "tag:list"), f.made("full", "workflow:list")
	for secret, want := range map[*credential.Text]remote.Outcome{&made.Secret: remote.ValidLimited, &full.Secret: remote.Valid} {
		if v := f.client.Verify(t.Context(), f.target, *secret); v.Outcome != want {
			t.Errorf("verified as %s (%s), want %s", v.Outcome, v.Text, want)
		}
	}
	if n := f.n8n.Calls("GET /api/v1/discover"); n != 1 {
		t.Errorf("asked %d times for what is not there", n)
	}
}

// TestAVerificationSendsTheKeyAndNothingElse (trap N4): the session would have
// a foreign key answered 200.
func TestAVerificationSendsTheKeyAndNothingElse(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	f.made("logs in")
	var sent []http.Header
	behind, err := url.Parse(f.n8n.URL)
	f.ok(err)
	pass := proxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			sent = append(sent, r.Header.Clone())
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.target = f.at(server.URL)
	_, err = f.client.List(t.Context(), f.target)
	f.ok(err)
	if v := f.client.Verify(t.Context(), f.target, credential.NewText("eyJhbGciOiJIUzI1NiJ9.e30.x")); v.Outcome != remote.Invalid {
		t.Errorf("a foreign key is %s", v.Outcome)
	}
	if len(sent) != 1 || sent[0].Get("Cookie") != "" || sent[0].Get("Authorization") != "" || sent[0].Get("browser-id") != "" {
		t.Errorf("sent %v", sent)
	}
}
