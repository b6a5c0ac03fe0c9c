package extauthz

import (
	"net/netip"

	"credence/extauthz/pipeline"
)

// read turns the received bytes into the request. Bytes that are no
// CheckRequest give a request marked malformed, never an error: a failed RPC
// could be let pass by a fail-open Envoy, a denial cannot.
func (c *check) read() {
	c.seen = true
	r, w := &c.request, &c.walker
	w.request = r
	if !w.walk(c.raw) {
		r.Reset()
		w.reset()
		r.Malformed = true
		return
	}
	r.Headers = append(r.Headers, w.rawHeaders...)
	lowerNames(r.Headers)
	if r.PeerKind == pipeline.PeerIP {
		r.Peer, r.PeerKind = peerAddr(w.address)
	}
}

// grpcFilter reports whether the Check comes from gRPC's own ext_authz filter
// (gRFC A92), which treats a "grpc-" header in the answer as an error. Envoy
// always sends an id, and a size only of a body it has read.
func (c *check) grpcFilter() bool {
	return c.request.HTTP && len(c.request.ID) == 0 && c.walker.size == -1 && !c.walker.hasMap
}

// grpcCaller reports whether the client speaks gRPC, by the test that Envoy
// applies: the match is case-sensitive, and parameters do not count.
func (c *check) grpcCaller() bool {
	const grpcType = "application/grpc"
	contentType := c.request.Header("content-type")
	if string(c.request.Method) != "POST" || len(contentType) < len(grpcType) ||
		string(contentType[:len(grpcType)]) != grpcType {
		return false
	}
	return len(contentType) == len(grpcType) || contentType[len(grpcType)] == '+'
}

// lowerNames keeps the promise that header names are lower-case. Envoy sends
// them so; only for another caller a copy is made.
func lowerNames(headers []pipeline.Field) {
	for i := range headers {
		name := headers[i].Name
		for j, b := range name {
			if 'A' <= b && b <= 'Z' {
				headers[i].Name = lowered(name, j)
				break
			}
		}
	}
}

func lowered(name []byte, from int) []byte {
	out := append([]byte(nil), name...)
	for i := from; i < len(out); i++ {
		if 'A' <= out[i] && out[i] <= 'Z' {
			out[i] += 'a' - 'A'
		}
	}
	return out
}

// peerAddr parses the address of a socket: IPv4 in IPv6 becomes IPv4, a zone
// is dropped.
func peerAddr(text []byte) (netip.Addr, pipeline.PeerKind) {
	if a, ok := ipv4(text); ok {
		return a, pipeline.PeerIP
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return netip.Addr{}, pipeline.PeerInvalid
	}
	return a.WithZone("").Unmap(), pipeline.PeerIP
}

// ipv4 parses dotted decimals without the allocation that netip.ParseAddr
// costs; anything unusual is left to that one.
func ipv4(text []byte) (netip.Addr, bool) {
	var octets [4]byte
	part, digits, value := 0, 0, 0
	for _, b := range text {
		switch {
		case '0' <= b && b <= '9':
			if digits > 0 && value == 0 {
				return netip.Addr{}, false // a leading zero
			}
			value, digits = value*10+int(b-'0'), digits+1
			if value > 255 {
				return netip.Addr{}, false
			}
		case b == '.' && digits > 0 && part < 3:
			octets[part] = byte(value)
			part, digits, value = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	octets[3] = byte(value)
	return netip.AddrFrom4(octets), true
}
