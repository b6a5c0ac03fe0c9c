package outgoing_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"credence/management/outgoing"
)

func TestAnAllowListHoldsNetworksAddressesAndHosts(t *testing.T) {
	a, err := outgoing.ParseAllow([]string{"10.1.2.3/8", " fd00::/8", "10.9.9.9", "::ffff:10.8.8.8", "::1", "Git.Internal.:3000", "10.1.2.3:80", "[::1]:0443"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(a), "{[10.0.0.0/8 fd00::/8 10.9.9.9/32 10.8.8.8/32 ::1/128] [git.internal:3000 10.1.2.3:80 [::1]:443]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatIsNoEntryOfAnAllowListIsNamed(t *testing.T) {
	for _, entry := range []string{
		"", "internal", "*", "*.internal:443", "git.internal", "git.internal:", "git.internal:0", "git.internal:65536", "git.internal:http",
		":443", "https://git.internal:443", "git.internal:443/path", "10.0.0.0/33", "10.0.0", "fe80::1%eth0", "a b:1", strings.Repeat("a", 254) + ":1",
	} {
		if _, err := outgoing.ParseAllow([]string{"10.0.0.0/8", entry}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", entry)) {
			t.Errorf("%q: %v", entry, err)
		}
	}
	if _, err := outgoing.ParseAllow(make([]string, 1001)); err == nil {
		t.Error("a list without bound is accepted")
	}
}

// TestAHostOfTheAllowListIsReachedAtItsPortOnly, whatever private address it
// has, and no other host at that address.
func TestAHostOfTheAllowListIsReachedAtItsPortOnly(t *testing.T) {
	url, connected := site(t, hello)
	other, otherConnected := site(t, hello)
	port := func(url string) string { _, p, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://")); return p }
	allow, err := outgoing.ParseAllow([]string{"issuer.example.test:" + port(url)})
	if err != nil {
		t.Fatal(err)
	}
	o := outgoing.Options{Allow: allow, Resolver: names([4]byte{127, 0, 0, 1})}
	for _, host := range []string{"issuer.example.test", "ISSUER.example.test."} {
		if body, err := get(t, o, "http://"+host+":"+port(url)); err != nil || body != "hello" {
			t.Errorf("%s: %q %v", host, body, err)
		}
	}
	for _, target := range []string{"http://issuer.example.test:" + port(other), "http://another.example.test:" + port(url), url} {
		if _, err := get(t, o, target); !errors.Is(err, outgoing.ErrRefused) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if connected.Load() != 2 || otherConnected.Load() != 0 {
		t.Errorf("%d and %d connections, want 2 and 0", connected.Load(), otherConnected.Load())
	}
	o.Resolver = names([4]byte{169, 254, 169, 254})
	if _, err := get(t, o, "http://issuer.example.test:"+port(url)); !errors.Is(err, outgoing.ErrRefused) {
		t.Errorf("metadata under a listed name: %v", err)
	}
}

// TestTheListNamesHostsWithTheirPortAndAddressesInItsNetworks.
func TestTheListNamesHostsWithTheirPortAndAddressesInItsNetworks(t *testing.T) {
	a, err := outgoing.ParseAllow([]string{"10.0.0.0/8", "git.internal:3000"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host string
		port uint16
		want bool
	}{
		{"10.1.2.3", 80, true},
		{"::ffff:10.1.2.3", 80, true},
		{"11.1.2.3", 80, false},
		{"Git.Internal.", 3000, true},
		{"git.internal", 3001, false},
		{"other.internal", 3000, false},
	} {
		if got := a.Names(c.host, c.port); got != c.want {
			t.Errorf("%s:%d is named: %v", c.host, c.port, got)
		}
	}
}
