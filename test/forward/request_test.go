package forward

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"credence/test/harness"
)

// got is what a client got.
type got struct {
	status int
	header http.Header
	body   string
	echoed *harness.Echoed // what the upstream received; nil when it was not reached
}

// ask sends a request; header names go out as they are spelled here.
func (w *world) ask(t *testing.T, p *proxy, method, path string, headers ...[2]string) got {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		request.Header[h[0]] = append(request.Header[h[0]], h[1])
	}
	before := w.echo.Requests()
	response, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	g := got{status: response.StatusCode, header: response.Header, body: string(body)}
	if w.echo.Requests() > before {
		g.echoed = &harness.Echoed{}
		if method != http.MethodHead {
			if err := json.Unmarshal(body, g.echoed); err != nil {
				t.Fatalf("the upstream was reached, yet: %v: %s", err, body)
			}
		}
	}
	return g
}

func (g *got) wantPassed(t *testing.T) {
	t.Helper()
	if g.status != http.StatusOK || g.echoed == nil {
		t.Fatalf("status %d, upstream reached: %t, want 200 from the upstream: %s", g.status, g.echoed != nil, g.body)
	}
}

func (g *got) wantRefused(t *testing.T, status int) {
	t.Helper()
	if g.status != status {
		t.Errorf("status %d, want %d: %s", g.status, status, g.body)
	}
	if g.echoed != nil {
		t.Errorf("the upstream was reached: %+v", g.echoed)
	}
	for name := range g.header {
		if strings.HasPrefix(name, "X-Credence-") {
			t.Errorf("the client got the header %s: %q", name, g.header.Get(name))
		}
	}
}

// wantUpstream compares all lines of that name which reached the upstream.
func (g *got) wantUpstream(t *testing.T, name string, want ...string) {
	t.Helper()
	if have := g.echoed.Values(name); strings.Join(have, "|") != strings.Join(want, "|") {
		t.Errorf("the upstream got %s: %q, want %q", name, have, want)
	}
}
