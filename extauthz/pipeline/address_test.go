package pipeline

import (
	"net/netip"
	"testing"
)

func TestParseAddressDropsPortBracketsAndZone(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.7":             "203.0.113.7",
		" 203.0.113.7\t":          "203.0.113.7",
		"203.0.113.7:65535":       "203.0.113.7",
		"2001:DB8::1":             "2001:db8::1",
		"[2001:db8::1]":           "2001:db8::1",
		"[2001:db8::1]:443":       "2001:db8::1",
		"fe80::1%eth0":            "fe80::1",
		"[fe80::1%eth0]:80":       "fe80::1",
		"::ffff:203.0.113.7":      "203.0.113.7",
		"[::ffff:cb00:7107]:80":   "203.0.113.7",
		"::":                      "::",
		"1:2:3:4:5:6:7:8":         "1:2:3:4:5:6:7:8",
		"1::8":                    "1::8",
		"64:ff9b::192.0.2.33":     "64:ff9b::c000:221",
		"1:2:3:4:5:6:192.0.2.33":  "1:2:3:4:5:6:c000:221",
		"::ffff:203.0.113.7%eth0": "203.0.113.7",
	} {
		if got, ok := ParseAddress([]byte(text)); !ok || got != netip.MustParseAddr(want) {
			t.Errorf("%q: %v %v, want %s", text, got, ok, want)
		}
	}
}

func TestParseAddressRefusesWhatIsNotExactlyOneAddress(t *testing.T) {
	for _, text := range []string{
		"", " ", "unknown", "localhost", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4:", "1.2.3.4:http",
		"1.2.3.4:123456", "1.2.3.4, 5.6.7.8", "1.2.3.4,", "1.2.3.4 5.6.7.8", "1.2.3.4/32", "0x1.2.3.4", "16909060",
		"[1.2.3.4]", "[::1", "::1]", "[::1]80", "[::1]:", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::8", "12345::", "::g", "fe80::1%", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", ":1", "1:", "\xff", "1.2.3.4\x00",
		"[]", "[]:80", "%", ":",
	} {
		if got, ok := ParseAddress([]byte(text)); ok || got.IsValid() {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
}

func TestIPv6IsCountedByItsNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"203.0.113.7":          "203.0.113.7",
	} {
		w := newWorld(t)
		w.request.Peer = netip.MustParseAddr(address)
		w.header("x-api-key", "no key")
		w.want(t, ReasonMalformedKey)
		for _, b := range []*addressBudget{w.addresses, w.failures} {
			if len(b.charged) != 1 || b.charged[0] != netip.MustParseAddr(want) {
				t.Errorf("%s: charged %v, want %s once", address, b.charged, want)
			}
		}
	}
}

// Whatever netip accepts we accept with the same outcome, and nothing else,
// but for brackets and ports, which netip does not read.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"203.0.113.7", "1.2.3.4:80", "::", "::1", "[::1]:80", "fe80::1%eth0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8",
		"1::8:9", "64:ff9b::1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "00001::", "1.2.3.04", "a.b", "::%", ":::",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := ParseAddress(text)
		if ok != got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("%q: %v %v", text, got, ok)
		}
		trimmed := trimBlanks(text)
		want, err := netip.ParseAddr(string(trimmed))
		if err != nil && ok {
			host, portOK := cutPort(trimmed)
			if want, err = netip.ParseAddr(string(host)); !portOK {
				t.Fatalf("%q: %v in spite of the port", text, got)
			}
		}
		if ok != (err == nil) || ok && got != want.Unmap().WithZone("") {
			t.Fatalf("%q: %v %v, netip reads %v, %v", text, got, ok, want, err)
		}
	})
}
