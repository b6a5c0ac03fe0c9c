package outgoing

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrRefused means that the address may not be reached.
var ErrRefused = errors.New("address may not be reached")

// never are the addresses that no allow list opens: where clouds serve the
// credentials of a machine, and what is no single host.
func never() []netip.Prefix {
	return prefixes(
		"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", // this network, link-local, multicast, reserved
		"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", // metadata of Alibaba, Azure, Oracle
		"::/128", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128", // the same in IPv6; AWS, Google
	)
}

// inside are the addresses that only the allow list opens: they mean another
// machine from every place, or none that the public Internet knows.
func inside() []netip.Prefix {
	return prefixes(
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"::1/128", "fc00::/7", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "64:ff9b:1::/48",
	)
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// judge refuses an address that may not be reached. What is not known to be
// right ends in a refusal.
func judge(a netip.Addr, allow []netip.Prefix) error {
	if !a.IsValid() {
		return fmt.Errorf("%w: it is none", ErrRefused)
	}
	faces := []netip.Addr{a.WithZone("").Unmap()}
	if within, ok := embedded(faces[0]); ok {
		faces = append(faces, within)
	}
	for _, face := range faces {
		holds := func(p netip.Prefix) bool { return p.Contains(face) }
		if slices.ContainsFunc(never(), holds) {
			return fmt.Errorf("%w: %s is of a kind that is never reached: link-local, metadata of a cloud, or no single host", ErrRefused, a)
		}
		if slices.ContainsFunc(inside(), holds) && !slices.ContainsFunc(allow, holds) {
			return fmt.Errorf("%w: %s is private; put its network, or the host with its port, on the allow list (--outgoing-allow) if it is meant", ErrRefused, a)
		}
	}
	return nil
}

// embedded is the IPv4 address that a gateway would make of an IPv6 one: NAT64
// (RFC 6052), 6to4 (RFC 3056) and the old IPv4-compatible form.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	for _, form := range []struct {
		prefix netip.Prefix
		at     int
	}{
		{netip.MustParsePrefix("64:ff9b::/96"), 12},
		{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
		{netip.MustParsePrefix("2002::/16"), 2},
		{netip.MustParsePrefix("::/96"), 12},
	} {
		if form.prefix.Contains(a) && a != netip.IPv6Loopback() {
			return netip.AddrFrom4([4]byte(b[form.at : form.at+4])), true
		}
	}
	return netip.Addr{}, false
}
