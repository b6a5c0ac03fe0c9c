package extauthz

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds are how many connections a listener has open at once. What comes
// beyond is closed before a word is said.
type Bounds struct {
	Most int // of all together
	// OfOne is how many one address has: an IPv4 address, or the /64 of an IPv6
	// address. 0 is half of Most, so that nobody who can connect keeps everybody
	// else out, and a balancer in front still has half.
	OfOne int
	// Proxies are addresses that many connect through. Only Most bounds them.
	Proxies []netip.Prefix
}

// Bound keeps a listener of plain sockets within the bounds, on which TLS then
// is spoken; refused is told of each connection too many. The Check server
// does so by itself.
func Bound(l net.Listener, b Bounds, refused func(from net.Addr)) net.Listener {
	if b.OfOne == 0 {
		b.OfOne = max(b.Most/2, 1)
	}
	return &connections{Listener: l, bounds: b, refused: refused, by: map[netip.Prefix]int{}}
}

// connections are what a listener has open.
type connections struct {
	net.Listener

	bounds  Bounds
	refused func(from net.Addr)

	mu   sync.Mutex
	open int
	by   map[netip.Prefix]int // of those with an address that counts
}

// Accept waits for the next connection for which there is room.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := c.origin(conn.RemoteAddr())
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
	if c.open >= c.bounds.Most || from.IsValid() && c.by[from] >= c.bounds.OfOne {
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
// IPv6 address, all of which one host can have. Nobody, if it has none (as that
// of a Unix socket), or is that of a proxy.
func (c *connections) origin(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, network := range c.bounds.Proxies {
		if network.Contains(address) {
			return netip.Prefix{}
		}
	}
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

// TurnedAway counts and logs the connections that [Bound] closes, with one line
// a second at most. listener names it in the log.
func TurnedAway(listener string, counter prometheus.Counter, logger *slog.Logger, now func() time.Time) func(from net.Addr) {
	record := newRecorder(logger.With(slog.String("listener", listener)), RecordOptions{}, now)
	return func(from net.Addr) {
		counter.Inc()
		record.crowd(from.String())
	}
}
