package pipeline

import "net/netip"

// ParseAddress reads an IP address as proxies write it, without allocating:
// IPv4 or IPv6, perhaps in brackets, perhaps with a port or a zone, which are
// dropped. An IPv4 address in IPv6 clothes comes out as IPv4.
func ParseAddress(text []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(text))
	return a.Unmap().WithZone(""), err == nil
}
