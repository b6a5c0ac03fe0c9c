package pipeline

import "net/netip"

// Request is a view over the undecoded bytes of one Check. Its slices alias
// the received message and are valid only until the answer has been written;
// what outlives the Check must be copied. The transport fills it and reuses
// it: [Request.Reset] keeps the capacity of its slices.
type Request struct {
	// Peer is the transport peer of the client as the proxy saw it
	// (attributes.source.address); invalid for pipes and internal addresses.
	Peer netip.Addr
	// PeerKind says what kind of address the proxy reported.
	PeerKind PeerKind
	// HTTP is true when the Check is about an HTTP request, false for a
	// network (L4) check.
	HTTP bool
	// Malformed is set by the transport when the bytes are not a CheckRequest
	// that it can trust. Decide refuses such a request.
	Malformed bool

	ID       []byte // stream id, for correlation only
	Method   []byte
	Scheme   []byte
	Host     []byte
	Path     []byte // undecoded, with the query; empty for CONNECT
	Protocol []byte

	// Headers are all request headers with lower-case names, in wire order.
	// A name can stand more than once (encode_raw_headers), or once with the
	// values joined by commas.
	Headers []Field
	// Extensions are the context extensions that the proxy's routes set. A
	// client cannot write them. Names are unique.
	Extensions []Field

	ahead ahead
}

// Field is a name and its value.
type Field struct {
	Name  []byte
	Value []byte
}

// PeerKind is the kind of source address of a Check.
type PeerKind uint8

// The kinds of peer.
const (
	PeerNone     PeerKind = iota // no source address in the message
	PeerIP                       // a socket address with an IP
	PeerPipe                     // a Unix socket listener
	PeerInternal                 // an Envoy internal listener (ambient waypoints)
	PeerInvalid                  // a socket address that is no IP
)

// Reset empties the request for reuse.
func (r *Request) Reset() {
	*r = Request{Headers: r.Headers[:0], Extensions: r.Extensions[:0]}
}

// Header answers the first header of that lower-case name, nil when absent.
func (r *Request) Header(name string) []byte {
	for i := range r.Headers {
		if string(r.Headers[i].Name) == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

// Extension answers the context extension of that name, nil when absent.
func (r *Request) Extension(name string) []byte {
	for i := range r.Extensions {
		if string(r.Extensions[i].Name) == name {
			return r.Extensions[i].Value
		}
	}
	return nil
}
