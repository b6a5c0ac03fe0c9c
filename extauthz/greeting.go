package extauthz

import (
	"bytes"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// What a connection can begin with instead of HTTP/2.
const (
	spokenHTTP1 = "http1" // an Envoy whose cluster lacks http2_protocol_options
	spokenTLS   = "tls"   // an Envoy whose cluster has a transport_socket
	spokenOther = "other"
)

// greetings are credentials of a plaintext listener that tell of clients who
// do not begin as HTTP/2 does. gRPC hangs up on them without a word, and to
// their Envoy that is only a reset.
type greetings struct {
	credentials.TransportCredentials
	refused func(from net.Addr, spoken string)
}

func newGreetings(refused func(from net.Addr, spoken string)) credentials.TransportCredentials {
	return greetings{insecure.NewCredentials(), refused}
}

// ServerHandshake waits for nothing: the first bytes are looked at when gRPC
// reads them.
func (g greetings) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := g.TransportCredentials.ServerHandshake(conn)
	return &greeted{Conn: conn, refused: g.refused}, info, err
}

// Clone keeps telling.
func (g greetings) Clone() credentials.TransportCredentials {
	return greetings{g.TransportCredentials.Clone(), g.refused}
}

// greeted looks at what is read first. One goroutine reads a connection.
type greeted struct {
	net.Conn

	heard   bool
	refused func(from net.Addr, spoken string)
}

// Read reads, and judges the first bytes.
func (c *greeted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.heard && n > 0 {
		c.heard = true
		if spoken := spokenInstead(b[:n]); spoken != "" {
			c.refused(c.RemoteAddr(), spoken)
		}
	}
	return n, err
}

// CloseWrite says that nothing more comes.
func (c *greeted) CloseWrite() error { return closeWrite(c.Conn) }

// spokenInstead names what the first bytes of a connection are when they are
// not those of HTTP/2 (RFC 9113, 3.4); "" when they are, as far as they go.
func spokenInstead(first []byte) string {
	preface := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	switch {
	case bytes.HasPrefix(first, preface), bytes.HasPrefix(preface, first):
		return ""
	case len(first) > 1 && first[0] == 0x16 && first[1] == 3: // a TLS handshake, of any version
		return spokenTLS
	case first[0] >= 'A' && first[0] <= 'Z': // a method
		return spokenHTTP1
	}
	return spokenOther
}

// refuseGreeting counts and logs a client that does not speak HTTP/2.
func (s *Server) refuseGreeting(from net.Addr, spoken string) {
	s.metrics.greetings[spoken].Inc()
	s.record.greeting(from.String(), spoken)
}
