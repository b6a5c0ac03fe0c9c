package pipeline

import (
	"bytes"
	"net/netip"
)

// ParseAddress reads an IP address as proxies write it, without allocating:
// IPv4 or IPv6, perhaps in brackets, perhaps with a port or a zone, which are
// dropped. An IPv4 address in IPv6 clothes comes out as IPv4. What it accepts
// is what [netip.ParseAddr] accepts once brackets and port are gone.
func ParseAddress(text []byte) (netip.Addr, bool) {
	host, ok := cutPort(trimBlanks(text))
	if !ok {
		return netip.Addr{}, false
	}
	if bytes.IndexByte(host, ':') < 0 {
		if ip, ok := parseIPv4(host); ok {
			return netip.AddrFrom4(ip), true
		}
		return netip.Addr{}, false
	}
	host, zone, hasZone := cutByte(host, '%')
	if hasZone && len(zone) == 0 {
		return netip.Addr{}, false
	}
	if ip, ok := parseIPv6(host); ok {
		return netip.AddrFrom16(ip).Unmap(), true
	}
	return netip.Addr{}, false
}

// normalAddress gives an address the one form that rules and counters know.
func normalAddress(a netip.Addr) netip.Addr {
	return a.Unmap().WithZone("")
}

// countedAddress is whom a request of the address is counted for. A single
// IPv6 host commands a whole /64, so that is what is counted.
func countedAddress(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	network, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return network.Addr()
}

// cutPort removes a port and brackets: "1.2.3.4:80", "[::1]:80" and "[::1]".
// Bare IPv6 is recognised by its second colon.
func cutPort(text []byte) (host []byte, ok bool) {
	if len(text) > 0 && text[0] == '[' {
		host, rest, closed := cutByte(text[1:], ']')
		if !closed || bytes.IndexByte(host, ':') < 0 {
			return nil, false
		}
		return host, len(rest) == 0 || rest[0] == ':' && isPort(rest[1:])
	}
	host, port, found := cutByte(text, ':')
	if !found || bytes.IndexByte(port, ':') >= 0 {
		return text, true
	}
	return host, isPort(port)
}

// isPort reports whether the text is one to five digits.
func isPort(text []byte) bool {
	if len(text) == 0 || len(text) > 5 {
		return false
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}

// parseIPv4 reads four decimal fields without leading zeros, which some
// programs would read as octal.
func parseIPv4(text []byte) (ip [4]byte, ok bool) {
	for i := range ip {
		field, rest, more := cutByte(text, '.')
		if more != (i < len(ip)-1) || len(field) == 0 || len(field) > 3 || len(field) > 1 && field[0] == '0' {
			return ip, false
		}
		value := 0
		for _, b := range field {
			if b < '0' || b > '9' {
				return ip, false
			}
			value = value*10 + int(b-'0')
		}
		if value > 255 {
			return ip, false
		}
		ip[i], text = byte(value), rest
	}
	return ip, true
}

// parseIPv6 reads the forms of RFC 4291 section 2.2.
func parseIPv6(text []byte) (ip [16]byte, ok bool) {
	n, gap := 0, -1 // bytes read; where "::" stood
	if len(text) >= 2 && text[0] == ':' && text[1] == ':' {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 {
		value, digits := hexGroup(text)
		if digits == 0 || n == len(ip) {
			return ip, false
		}
		if digits < len(text) && text[digits] == '.' {
			tail, ok := parseIPv4(text)
			if !ok || n > len(ip)-len(tail) {
				return ip, false
			}
			n += copy(ip[n:], tail[:])
			break
		}
		ip[n], ip[n+1] = byte(value>>8), byte(value)
		n, text = n+2, text[digits:]
		if len(text) == 0 {
			break
		}
		if text[0] != ':' || len(text) == 1 {
			return ip, false
		}
		if text = text[1:]; text[0] == ':' {
			if gap >= 0 {
				return ip, false
			}
			gap, text = n, text[1:]
		}
	}
	if gap < 0 {
		return ip, n == len(ip)
	}
	if n == len(ip) {
		return ip, false // "::" stands for at least one group
	}
	tail := len(ip) - (n - gap)
	copy(ip[tail:], ip[gap:n])
	clear(ip[gap:tail])
	return ip, true
}

// hexGroup reads up to four hexadecimal digits; digits is 0 when there are
// none or too many.
func hexGroup(text []byte) (value, digits int) {
	for digits < len(text) {
		nibble, ok := unhex(text[digits])
		if !ok {
			break
		}
		if digits++; digits > 4 {
			return 0, 0
		}
		value = value<<4 | int(nibble)
	}
	return value, digits
}
