package extauthz

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc/credentials"
)

// handshakes are TLS credentials that tell of clients who were turned away:
// to an Envoy without the right certificate this server is only "unreachable",
// so here is where an operator learns why.
type handshakes struct {
	credentials.TransportCredentials
	refused func(from net.Addr, why error)
}

func newHandshakes(config *tls.Config, refused func(from net.Addr, why error)) credentials.TransportCredentials {
	return handshakes{credentials.NewTLS(config), refused}
}

// ServerHandshake is TLS's own. A connection that ends without a word is a
// port check, not a refusal.
func (h handshakes) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := h.TransportCredentials.ServerHandshake(conn)
	if err != nil && !errors.Is(err, io.EOF) {
		h.refused(conn.RemoteAddr(), err)
	}
	return secured, info, err
}

// Clone keeps telling.
func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.refused}
}

// refuseHandshake counts and logs a client that TLS turned away.
func (s *Server) refuseHandshake(from net.Addr, why error) {
	s.metrics.handshakes.Inc()
	s.record.handshake(from.String(), why)
}
