package outgoing

import (
	"errors"
	"net/netip"
	"testing"
)

// TestTheMatrixOfAddresses: what is reached without a word, with the allow
// list, and never.
func TestTheMatrixOfAddresses(t *testing.T) {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for kind, c := range map[string]struct {
		public, allowed bool
		addresses       []string
	}{
		"public": {true, true, []string{
			"8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
			"11.0.0.1", "172.15.255.255", "172.32.0.0", "192.167.0.1", "100.63.255.255", "100.128.0.0", "169.253.255.255", "169.255.0.0",
		}},
		"private": {false, true, []string{
			"127.0.0.1", "127.255.255.254", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
			"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "fd00::1", "fc00::1", "2001:db8::1",
			"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:c0a8:1::1", "::127.0.0.1", "::10.0.0.1",
			"64:ff9b:1::7f00:1",
		}},
		"never": {false, false, []string{
			"169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "0.1.2.3",
			"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "fe80::1", "fe80::1%eth0", "febf::1", "ff02::1", "fec0::1",
			"fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "::ffff:0.0.0.0",
			"64:ff9b:1::a9fe:a9fe",
		}},
	} {
		for _, text := range c.addresses {
			a := netip.MustParseAddr(text)
			if err := judge(a, nil); (err == nil) != c.public || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s %s: %v", kind, text, err)
			}
			if err := judge(a, everything); (err == nil) != c.allowed {
				t.Errorf("%s %s, with everything allowed: %v", kind, text, err)
			}
		}
	}
	if judge(netip.Addr{}, everything) == nil {
		t.Error("no address at all is reached")
	}
}

func TestTheAllowListOpensItsNetworksOnly(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false,
		// The IPv6 face of it is public; the IPv4 one is on the list.
		"64:ff9b::a01:203": true, "64:ff9b::a02:1": false,
	} {
		if got := judge(netip.MustParseAddr(text), allow) == nil; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzNoFaceOfAnAddressIsForgotten: whatever the IPv6 form, an address that
// holds that of a metadata service is refused.
func FuzzNoFaceOfAnAddressIsForgotten(f *testing.F) {
	f.Add([]byte{169, 254, 169, 254})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) != 4 {
			return
		}
		four := netip.AddrFrom4([4]byte(raw))
		plain := judge(four, nil)
		for _, form := range [][16]byte{
			{10: 0xff, 11: 0xff, 12: raw[0], 13: raw[1], 14: raw[2], 15: raw[3]},
			{0, 0x64, 0xff, 0x9b, 12: raw[0], 13: raw[1], 14: raw[2], 15: raw[3]},
			{0x20, 0x02, raw[0], raw[1], raw[2], raw[3]},
		} {
			if six := netip.AddrFrom16(form); (judge(six, nil) == nil) != (plain == nil) {
				t.Errorf("%s is judged otherwise than %s", six, four)
			}
		}
	})
}
