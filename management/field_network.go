package management

import (
	"fmt"
	"net/netip"
	"strings"
)

// The widest networks that a blacklist rule may refuse without force: the
// whole of a /8 is already one part in 256 of the IPv4 internet, and a /19 is
// the largest IPv6 block a single network operator usually holds.
const (
	widestIPv4 = 8
	widestIPv6 = 19
)

const maxNetworks = 64

// network checks one CIDR or address. An address stands for itself: /32 or
// /128. IPv4 in IPv6 spelling is IPv4, as clients are compared unmapped.
func (p *problems) network(field, value string) netip.Prefix {
	const remedy = `write a network like "203.0.113.0/24" or "2001:db8::/32", or one address`
	if value == "" {
		p.add(field, "is missing", remedy)
		return netip.Prefix{}
	}
	if !strings.Contains(value, "/") {
		return p.address(field, value, remedy)
	}
	network, err := netip.ParsePrefix(value)
	if err != nil {
		p.add(field, quoted(value)+" is no network", remedy)
		return netip.Prefix{}
	}
	if network.Addr().Is4In6() {
		if network.Bits() < 96 {
			p.add(field, quoted(value)+" covers more than the IPv4 addresses it is written for", "write it as an IPv4 network")
			return netip.Prefix{}
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	if masked := network.Masked(); masked != network {
		p.add(field, quoted(value)+" has bits set behind its length",
			fmt.Sprintf("write %s for the network, or %s for the one address", masked, network.Addr()))
		return netip.Prefix{}
	}
	return network
}

func (p *problems) address(field, value, remedy string) netip.Prefix {
	address, err := netip.ParseAddr(value)
	switch {
	case err != nil:
		p.add(field, quoted(value)+" is no address", remedy)
		return netip.Prefix{}
	case address.Zone() != "":
		p.add(field, quoted(value)+" has a zone, which means nothing to other machines", "write it without %"+address.Zone())
		return netip.Prefix{}
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen())
}

func (p *problems) networks(values []string) []netip.Prefix {
	values = atMost(p, "networks", values, maxNetworks)
	var networks []netip.Prefix
	seen := make(map[netip.Prefix]bool, len(values))
	for i, value := range values {
		before := len(p.fields)
		network := p.network(at("networks", i), value)
		switch {
		case len(p.fields) > before:
		case seen[network]:
			p.add(at("networks", i), "repeats "+network.String(), "name each once")
		default:
			seen[network] = true
			networks = append(networks, network)
		}
	}
	return networks
}

// narrow notes a network so wide that refusing it is more likely a slip than
// a wish.
func (p *problems) narrow(field string, network netip.Prefix) {
	widest := widestIPv6
	if network.Addr().Is4() {
		widest = widestIPv4
	}
	if network.IsValid() && network.Bits() < widest {
		p.add(field, fmt.Sprintf("%s is wider than /%d and would refuse a large part of the internet", network, widest),
			"name a narrower network, or set force if this is meant")
	}
}
