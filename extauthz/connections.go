package extauthz

import (
	"net"
	"net/netip"
	"sync"
)

// connections bound a listener: so many are open at once, and one address has
// at most half of them, so that nobody who can connect keeps the proxies out.
// What comes beyond is closed at once.
type connections struct {
	net.Listener

	most    int
	refused func(from net.Addr)

	mu   sync.Mutex
	open int
	by   map[netip.Prefix]int // of those with an address; a Unix socket has none
}

func newConnections(l net.Listener, most int, refused func(from net.Addr)) *connections {
	return &connections{Listener: l, most: most, refused: refused, by: map[netip.Prefix]int{}}
}

// Accept waits for the next connection for which there is room.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := origin(conn.RemoteAddr())
		if c.enter(from) {
			return &accepted{Conn: conn, leave: sync.OnceFunc(func() { c.leave(from) })}, nil
		}
		c.refused(conn.RemoteAddr())
		_ = conn.Close() // it was not answered, whatever that says
	}
}

func (c *connections) enter(from netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.most || from.IsValid() && c.by[from] >= max(c.most/2, 1) {
		return false
	}
	c.open++
	if from.IsValid() {
		c.by[from]++
	}
	return true
}

func (c *connections) leave(from netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if !from.IsValid() {
		return
	}
	if c.by[from]--; c.by[from] == 0 {
		delete(c.by, from)
	}
}

// origin is whom a connection counts for: an IPv4 address, or the /64 of an
// IPv6 address, all of which one host can have. Nobody, if it has none.
func origin(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// accepted gives its place back when it is closed.
type accepted struct {
	net.Conn

	leave func()
}

// Close can be called more than once, as gRPC does.
func (a *accepted) Close() error {
	err := a.Conn.Close()
	a.leave()
	return err
}

// CloseWrite says that nothing more comes.
func (a *accepted) CloseWrite() error { return closeWrite(a.Conn) }

// closeWrite is that of sockets, which a plain [net.Conn] hides.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// refuseConnection counts and logs a connection too many.
func (s *Server) refuseConnection(from net.Addr) {
	s.metrics.crowds.Inc()
	s.record.crowd(from.String())
}
