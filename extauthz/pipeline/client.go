package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxForwarders bounds how many addresses of x-forwarded-for are looked at.
const maxForwarders = 32

// ClientOptions is the one source of the client's address. Only the operator
// knows which one tells the truth, so there is no second one to fall back to:
// an address that is missing or cannot be read there is refused.
type ClientOptions struct {
	// Source is "peer" (also ""), "header:<name>" or "xff".
	//
	// "peer" is the transport peer as the proxy saw it. A peer without an IP
	// (Unix socket, Envoy internal listener) passes only as long as nothing
	// asks for an address: no address limit, no failure budget, no blacklist
	// rule, no networks at the key.
	//
	// "header:<name>" is a header that the proxy overwrites; it must stand
	// once, with one address.
	//
	// "xff" is x-forwarded-for, read from the right by TrustedHops or by
	// TrustedNetworks.
	Source string
	// TrustedHops goes with "xff": how many proxies stand in front of this
	// one, the number that Envoy knows as xff_num_trusted_hops. The client is
	// the entry with that many entries to its right. 1 to 31; for 0 the
	// source "peer" says the same.
	TrustedHops int
	// TrustedNetworks goes with "xff" instead of TrustedHops: the networks of
	// the proxies in front. The way back starts at the peer and ends at the
	// first address outside of them. An Envoy that appends a loopback peer
	// writes its own address, which then belongs here too.
	TrustedNetworks []netip.Prefix
}

type clientKind uint8

const (
	clientPeer clientKind = iota
	clientHeader
	clientForwardedHops
	clientForwardedNetworks
)

// clientSource is ClientOptions made ready.
type clientSource struct {
	kind     clientKind
	header   string
	hops     int
	networks []netip.Prefix
}

// source makes the options ready or says what is wrong with them.
func (o ClientOptions) source() (clientSource, error) {
	name, isHeader := strings.CutPrefix(o.Source, "header:")
	if o.Source != "xff" && (o.TrustedHops != 0 || len(o.TrustedNetworks) != 0) {
		return clientSource{}, fmt.Errorf("client.source: %q takes neither trusted hops nor trusted networks; "+
			"remove them or use \"xff\"", o.Source)
	}
	switch {
	case o.Source == "" || o.Source == "peer":
		return clientSource{kind: clientPeer}, nil
	case o.Source == "xff":
		return o.forwarded()
	case !isHeader:
		return clientSource{}, fmt.Errorf("client.source: unknown source %q; use \"peer\", \"header:<name>\" or \"xff\"", o.Source)
	case name == forwardedFor:
		return clientSource{}, errors.New("client.source: x-forwarded-for is a list; use \"xff\"")
	case !isHeaderName(name):
		return clientSource{}, fmt.Errorf("client.source: %q is not a lower-case header name", name)
	}
	return clientSource{kind: clientHeader, header: name}, nil
}

func (o ClientOptions) forwarded() (clientSource, error) {
	switch {
	case o.TrustedHops == 0 && len(o.TrustedNetworks) == 0:
		return clientSource{}, errors.New("client.trusted_hops: \"xff\" without trusted hops or trusted networks " +
			"would believe what the client writes; set one of them")
	case o.TrustedHops != 0 && len(o.TrustedNetworks) != 0:
		return clientSource{}, errors.New("client.trusted_hops: set trusted hops or trusted networks, not both")
	case o.TrustedHops < 0 || o.TrustedHops >= maxForwarders:
		return clientSource{}, fmt.Errorf("client.trusted_hops: %d is not between 1 and %d", o.TrustedHops, maxForwarders-1)
	case o.TrustedHops != 0:
		return clientSource{kind: clientForwardedHops, hops: o.TrustedHops}, nil
	}
	networks := make([]netip.Prefix, len(o.TrustedNetworks))
	for i, network := range o.TrustedNetworks {
		if !network.IsValid() {
			return clientSource{}, fmt.Errorf("client.trusted_networks: entry %d is not a network", i+1)
		}
		networks[i] = normalNetwork(network)
	}
	return clientSource{kind: clientForwardedNetworks, networks: networks}, nil
}

// client finds the client's address.
func (p *Pipeline) client(c *check) Reason {
	address, ok := p.source.address(c.r)
	if !ok {
		return ReasonBadClientAddress
	}
	c.d.Client = address
	if !address.IsValid() && (p.options.Addresses != nil || p.options.Failures != nil) {
		return ReasonBadClientAddress
	}
	return ReasonNone
}

// address answers the client's address. It is invalid with ok when the peer
// has none by its nature; without ok, when there should be one.
func (s *clientSource) address(r *Request) (address netip.Addr, ok bool) {
	switch s.kind {
	case clientPeer:
		return peerAddress(r)
	case clientHeader:
		return s.fromHeader(r)
	case clientForwardedHops:
		return s.fromHops(r)
	case clientForwardedNetworks:
		return s.fromNetworks(r)
	}
	return netip.Addr{}, false
}

func peerAddress(r *Request) (address netip.Addr, ok bool) {
	switch r.PeerKind {
	case PeerIP:
		return normalAddress(r.Peer), r.Peer.IsValid()
	case PeerNone, PeerPipe, PeerInternal:
		return netip.Addr{}, true
	case PeerInvalid:
		return netip.Addr{}, false
	}
	return netip.Addr{}, false
}

// fromHeader wants exactly one header with exactly one address: a second one
// means that somebody besides the proxy writes it.
func (s *clientSource) fromHeader(r *Request) (netip.Addr, bool) {
	found := -1
	for i := range r.Headers {
		if string(r.Headers[i].Name) != s.header {
			continue
		}
		if found >= 0 {
			return netip.Addr{}, false
		}
		found = i
	}
	if found < 0 {
		return netip.Addr{}, false
	}
	return ParseAddress(r.Headers[found].Value)
}

func (s *clientSource) fromHops(r *Request) (netip.Addr, bool) {
	list := forwardedList{headers: r.Headers}
	for range s.hops {
		if _, ok := list.previous(); !ok {
			return netip.Addr{}, false
		}
	}
	entry, ok := list.previous()
	if !ok {
		return netip.Addr{}, false
	}
	return ParseAddress(entry)
}

// fromNetworks walks from the peer towards the client for as long as the
// writers are trusted. When all are, the farthest is the client.
func (s *clientSource) fromNetworks(r *Request) (netip.Addr, bool) {
	address, ok := peerAddress(r)
	if !ok || !address.IsValid() {
		return netip.Addr{}, false
	}
	list := forwardedList{headers: r.Headers}
	for range maxForwarders {
		if !containsAddress(s.networks, address) {
			return address, true
		}
		entry, more := list.previous()
		if !more {
			return address, true
		}
		if address, ok = ParseAddress(entry); !ok {
			return netip.Addr{}, false
		}
	}
	return netip.Addr{}, false
}

const forwardedFor = "x-forwarded-for"

// forwardedList walks x-forwarded-for from the right: the last entry of the
// last field first, since several fields are one list (RFC 9110, 5.3).
type forwardedList struct {
	headers []Field
	rest    []byte
	open    bool // rest holds entries, perhaps one empty one
}

func (l *forwardedList) previous() (entry []byte, ok bool) {
	for !l.open {
		if len(l.headers) == 0 {
			return nil, false
		}
		last := &l.headers[len(l.headers)-1]
		l.headers = l.headers[:len(l.headers)-1]
		if string(last.Name) == forwardedFor {
			l.rest, l.open = last.Value, true
		}
	}
	comma := bytes.LastIndexByte(l.rest, ',')
	entry = l.rest[comma+1:]
	if l.open = comma >= 0; l.open {
		l.rest = l.rest[:comma]
	}
	return entry, true
}

func containsAddress(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// normalNetwork masks a network and takes IPv4 out of its IPv6 clothes, since
// the addresses it is compared with wear none.
func normalNetwork(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked()
}

// isHeaderName reports whether the text is a lower-case field name
// (RFC 9110, 5.1); pseudo headers are none.
func isHeaderName(name string) bool {
	for i := range len(name) {
		b := name[i]
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			return false
		}
	}
	return name != "" && len(name) <= 128
}
