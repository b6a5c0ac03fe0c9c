package outgoing

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Allow says which private addresses may be reached. The zero Allow opens
// none; none opens what is never reached.
type Allow struct {
	Networks []netip.Prefix
	// Hosts are NAME:PORT as a URL has them: whatever private address the name
	// has at the time is reached, at that port and no other.
	Hosts []string
}

// mostAllowed bounds an allow list.
const mostAllowed = 1000

// ParseAllow reads an allow list. An entry is a network (10.0.0.0/8), an
// address (10.1.2.3), or a host with a port (git.internal:3000, 10.1.2.3:3000).
func ParseAllow(entries []string) (Allow, error) {
	var a Allow
	if len(entries) > mostAllowed {
		return a, fmt.Errorf("has %d entries, at most %d are kept: name networks instead of addresses", len(entries), mostAllowed)
	}
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if p, err := netip.ParsePrefix(entry); err == nil {
			a.Networks = append(a.Networks, p.Masked())
			continue
		}
		if ip, err := netip.ParseAddr(entry); err == nil && ip.Zone() == "" {
			ip = ip.Unmap()
			a.Networks = append(a.Networks, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		host, ok := hostPort(entry)
		if !ok {
			return Allow{}, fmt.Errorf("%q is none of a network such as 10.0.0.0/8, an address, HOST:PORT such as git.internal:3000", entry)
		}
		a.Hosts = append(a.Hosts, host)
	}
	return a, nil
}

// hostPort brings NAME:PORT into the form in which it is compared.
func hostPort(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	n, wrong := strconv.ParseUint(port, 10, 16)
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if err != nil || wrong != nil || n == 0 || !isHost(host) {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), true
}

// isHost tells a name or address from what only looks like one: a pattern, a
// URL, a path.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(host, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-._", r)
	})
}

// namesHost reports whether the host and port that a call is for are listed.
func (a Allow) namesHost(address string) bool {
	host, ok := hostPort(address)
	return ok && slices.Contains(a.Hosts, host)
}

// everywhere is the list for a host that is named itself.
func everywhere() []netip.Prefix { return prefixes("0.0.0.0/0", "::/0") }

// Names reports whether the list names a host and port: as such, or by a
// network that holds an address that is written out.
func (a Allow) Names(host string, port uint16) bool {
	if a.namesHost(net.JoinHostPort(host, strconv.Itoa(int(port)))) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(ip.WithZone("").Unmap()) })
}

// WebPorts are the ports of web servers: those for HTTP, and those that any
// user of a machine may open. Below 1024 live mail, shells and name servers,
// which take a request for what it is not.
func WebPorts(port uint16) bool { return port == 80 || port == 443 || port >= 1024 }
