package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestOnlyTrustedProxiesSayWhoTheClientIs(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, header, want string }{
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1"},                          // a client that lies
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7"},                        // one proxy
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.7, 10.2.0.1", "198.51.100.7"}, // two, and a client that lies
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "198.51.100.7, nonsense", "10.0.0.1"},
		{"[fd00::1]:5", "2001:db8::1%eth0", "2001:db8::1"},
		{"10.0.0.1:5", "10.3.0.1", "10.3.0.1"}, // a client inside
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me", nil)
		r.RemoteAddr = c.peer
		if c.header != "" {
			r.Header.Set("X-Forwarded-For", c.header)
		}
		if got := peer(fromProxy(r, trusted)).String(); got != c.want {
			t.Errorf("%s says %q: the client is %s, want %s", c.peer, c.header, got, c.want)
		}
	}
}
