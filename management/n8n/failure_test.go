package n8n_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"credence/management/n8n"
	"credence/management/outgoing"
	"credence/management/remote"
	"credence/test/n8nserver"
)

// TestWhatCanBeBehindAnAddress: each is told apart, with its remedy.
func TestWhatCanBeBehindAnAddress(t *testing.T) {
	page := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for title, c := range map[string]struct {
		server http.HandlerFunc
		kind   remote.Kind
		says   string
	}{
		"a web page for everything":        {page(200, "text/html", "<html>"), remote.UnexpectedAnswer, "base URL"},
		"another program with JSON":        {page(200, "application/json", `{"message":"hello"}`), remote.UnexpectedAnswer, "base URL"},
		"JSON that is none":                {page(200, "application/json", `{"data":`), remote.UnexpectedAnswer, "base URL"},
		"nothing there":                    {page(404, "text/plain", "404 page not found"), remote.UnexpectedAnswer, "no n8n at the base URL"},
		"a proxy that wants a login":       {page(401, "text/html", "<html>"), remote.UnexpectedAnswer, "login of its own"},
		"a proxy that forbids":             {page(403, "text/html", "<html>"), remote.Forbidden, "may not"},
		"a proxy without n8n":              {page(502, "text/html", "<html>"), remote.Unavailable, "502"},
		"n8n that is being installed":      {page(503, "text/html", "<html>"), remote.Unavailable, "503"},
		"a server of other hosts":          {page(421, "text/plain", "misdirected"), remote.UnexpectedAnswer, "does not know that host (421)"},
		"a server of other hosts, in JSON": {page(421, "application/problem+json", `{"status":421,"code":"misdirected_request"}`), remote.UnexpectedAnswer, "does not know that host (421)"},
		"another program without the path": {page(404, "application/json", `{"message":"not found"}`), remote.UnexpectedAnswer, "no n8n at the base URL"},
		"Credence":                         {page(404, "application/problem+json", `{"status":404,"code":"no_such_path"}`), remote.UnexpectedAnswer, "no n8n at the base URL"},
		"a server of files":                {page(405, "text/html", "<html>"), remote.UnexpectedAnswer, "answered 405 in a form that n8n does not"},
		"a port of TLS":                    {page(400, "text/html", "<html>"), remote.UnexpectedAnswer, "answered 400 in a form that n8n does not"},
		"nothing there, and a proxy that fails": {func(w http.ResponseWriter, r *http.Request) {
			status := http.StatusNotFound
			if strings.HasPrefix(r.URL.Path, "/healthz") {
				status = http.StatusBadGateway
			}
			page(status, "text/html", "<html>")(w, r)
		}, remote.Unavailable, "answered 502 when it was asked whether it is ready"},
		"n8n that is starting": {func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/healthz") {
				page(503, "application/json", `{"status":"error"}`)(w, r)
				return
			}
			page(404, "text/html", "Cannot POST /rest/login")(w, r)
		}, remote.Unavailable, "it is starting"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
		}, remote.Redirected, "give the connection the address"},
		"a redirect without an aim": {page(302, "text/html", ""), remote.Redirected, "give the connection the address"},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, n8nserver.New)
			server := httptest.NewServer(c.server)
			t.Cleanup(server.Close)
			_, err := f.client.Check(t.Context(), f.at(server.URL))
			if p := f.failure(err, c.kind); !strings.Contains(p.Message+p.Kind.Remedy(), c.says) {
				t.Errorf("says %q and %q, not %q", p.Message, p.Kind.Remedy(), c.says)
			}
			if strings.Contains(err.Error(), server.URL) || strings.Contains(err.Error(), n8nserver.Password) {
				t.Errorf("%q says too much", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := f.client.Check(t.Context(), f.at(server.URL))
	if p := f.failure(err, remote.Unavailable); p.Uncertain {
		t.Error("nothing was sent, and it is said to be uncertain")
	}
	_, err = f.newClientBy(f.clock.Now, f.clock.Wait, outgoing.Options{}).Check(t.Context(), f.target)
	if p := f.failure(err, remote.AddressRefused); !strings.Contains(p.Kind.Remedy(), "outgoing-allow") {
		t.Errorf("says %q", p)
	}
}

func TestACertificateThatNobodyTrusts(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, err := f.client.Check(t.Context(), f.at(server.URL))
	if p := f.failure(err, remote.CertificateRejected); !strings.Contains(p.Kind.Remedy(), "authority") {
		t.Errorf("says %q", p.Message)
	}
	_, err = f.client.Check(t.Context(), f.at(strings.Replace(f.n8n.URL, "http:", "https:", 1)))
	f.wants(err, remote.CertificateRejected)
}

// TestAWayThatHangsOrNeverEnds is bounded, and says so.
func TestAWayThatHangsOrNeverEnds(t *testing.T) {
	for title, how := range map[string]n8nserver.How{"huge": n8nserver.Huge, "cut": n8nserver.LoseCall} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, n8nserver.New)
			for range 9 { // reads are tried again, and net/http does too
				f.n8n.Disrupt("GET", "/rest/settings", how)
			}
			_, err := f.client.Check(t.Context(), f.target)
			f.wants(err, map[string]remote.Kind{"huge": remote.UnexpectedAnswer, "cut": remote.Unavailable}[title])
		})
	}
	t.Run("hangs", func(t *testing.T) {
		f := newFixture(t, n8nserver.New)
		arrived := make(chan struct{})
		f.n8n.Disrupt("GET", "/rest/settings", n8nserver.ArriveAndHang(arrived))
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-arrived
			cancel(context.DeadlineExceeded) // the time is over
		}()
		if _, err := f.client.Check(ctx, f.target); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadsAreTriedAgainAndWaitAsTheyAreAskedTo(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	f.n8n.Disrupt("GET", "/rest/settings", n8nserver.Status(502))
	f.n8n.Disrupt("GET", "/rest/settings", n8nserver.LoseCall)
	_, err := f.client.List(t.Context(), f.target)
	f.ok(err)
	f.n8n.Disrupt("GET", "/rest/api-keys", n8nserver.TooMany(3))
	before := f.clock.waited()
	_, err = f.client.List(t.Context(), f.target)
	f.ok(err)
	if waited := f.clock.waited() - before; waited != 3*time.Second {
		t.Errorf("waited %s, asked for 3s", waited)
	}
	for range 3 {
		f.n8n.Disrupt("GET", "/rest/api-keys", n8nserver.TooMany(100_000))
	}
	before = f.clock.waited()
	_, err = f.client.List(t.Context(), f.target)
	f.wants(err, remote.RateLimited)
	if waited := f.clock.waited() - before; waited > 10*time.Second {
		t.Errorf("waited %s because it was asked to", waited)
	}
}

func TestStartingIsToldFromMissingAndFromSwitchedOff(t *testing.T) {
	versions(t, func(f *fixture) {
		made := f.made("known")
		f.n8n.Start(true)
		_, err := f.client.Check(f.Context(), f.target)
		f.wants(err, remote.Unavailable)
		if v := f.client.Verify(f.Context(), f.target, made.Secret); v.Outcome != remote.Unknown {
			f.Errorf("while it starts the key is %s", v.Outcome)
		}
		f.n8n.Start(false)
		f.n8n.SwitchOff(true)
		f.clock.advance(2 * time.Minute)
		_, err = f.client.List(f.Context(), f.target)
		f.wants(err, remote.EndpointMissing)
		if v := f.client.Verify(f.Context(), f.target, made.Secret); v.Outcome != remote.Unknown || !strings.Contains(v.Text, "switched off") {
			f.Errorf("while keys are switched off the key is %s: %s", v.Outcome, v.Text)
		}
		f.n8n.SwitchOff(false)
		f.clock.advance(2 * time.Minute)
		if v := f.client.Verify(f.Context(), f.target, made.Secret); v.Outcome != remote.Valid {
			f.Errorf("afterwards the key is %s: %s", v.Outcome, v.Text)
		}
	})
}

func TestWhatIsTooOldIsRefusedClearly(t *testing.T) {
	for version, ok := range map[string]bool{"1.122.4": false, "1.64.0": false, "0.236.0": false, "1.123.0": true, "2.0.0": true} {
		f := newFixture(t, version)
		_, err := f.client.List(t.Context(), f.target)
		switch {
		case ok:
			f.ok(err)
		default:
			if p := f.failure(err, remote.UnexpectedAnswer); !strings.Contains(p.Message, version) || !strings.Contains(p.Message, "update it") {
				t.Errorf("says %q", p.Message)
			}
			if f.n8n.Calls("GET /rest/api-keys") != 0 {
				t.Error("was asked for keys all the same")
			}
		}
	}
}

// TestABaseAddressMayHaveAPath, and slashes where people put them.
func TestABaseAddressMayHaveAPath(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	behind, err := url.Parse(f.n8n.URL)
	f.ok(err)
	server := httptest.NewServer(http.StripPrefix("/n8n", proxy(behind)))
	t.Cleanup(server.Close)
	for i, base := range []string{server.URL + "/n8n", server.URL + "/n8n/", server.URL + "/n8n//"} {
		at := f.at(base)
		at.Version += int64(i)
		at.Settings = map[string]string{n8n.SettingRESTPath: "/rest/", n8n.SettingAPIPath: "api/"}
		_, err := f.client.List(t.Context(), at)
		f.ok(err)
	}
}
