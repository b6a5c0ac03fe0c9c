package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// The bounds of one reply. The library makes room for as many bytes and items
// as a reply announces, and reads nested arrays by recursion: without bounds
// a server that lies could end the process with nine bytes.
const (
	maxBulk  = 1 << 20 // bytes of one string
	maxItems = 1 << 16 // items of one array
	maxDepth = 8       // arrays in arrays
	maxLine  = 16 << 10
	maxReply = 8 << 20 // bytes of one reply with all it holds
)

// errReply means that a server broke the bounds or the protocol.
var errReply = errors.New("redis: a reply that no honest server sends")

// errDown means that an outage of Redis is rehearsed.
var errDown = errors.New("redis: an outage is rehearsed")

// keepAlive is how often the operating system asks whether the server is
// still there.
const keepAlive = 15 * time.Second

// dialer connects and bounds what the server may answer.
//
// While down reports true nobody gets a connection, and those that are there
// fail as soon as something passes.
func dialer(timeout time.Duration, config *tls.Config, down func() bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if down() {
			return nil, errDown
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		plain, err := (&net.Dialer{KeepAlive: keepAlive}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if config == nil {
			if socket, ok := plain.(syscall.Conn); ok {
				return &boundedSocket{boundedConn{Conn: plain, down: down}, socket}, nil
			}
			return &boundedConn{Conn: plain, down: down}, nil
		}
		named := config
		if config.ServerName == "" {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, errors.Join(err, plain.Close())
			}
			named = config.Clone()
			named.ServerName = host
		}
		secured := tls.Client(plain, named)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS with %s: %w", address, err), plain.Close())
		}
		return &boundedConn{Conn: secured, down: down}, nil
	}
}

// boundedConn reads replies along with the library and fails as soon as one
// breaks the bounds, before the library has seen the announcement.
type boundedConn struct {
	net.Conn

	scan replyScan
	down func() bool
}

// Write implements net.Conn.
func (c *boundedConn) Write(p []byte) (int, error) {
	if c.down() {
		return 0, errors.Join(errDown, c.Close())
	}
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.down() {
		return 0, errors.Join(errDown, c.Close())
	}
	if wrong := c.scan.take(p[:n]); wrong != nil {
		return 0, errors.Join(wrong, c.Close())
	}
	return n, err
}

// boundedSocket is a boundedConn of which the library can ask the operating
// system whether it is still whole.
type boundedSocket struct {
	boundedConn

	socket syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (c *boundedSocket) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

// replyScan follows the structure of RESP replies (RESP2, and the kinds that
// RESP3 adds) without keeping them: lines, strings that are skipped, and how
// many items are still to come at each depth.
type replyScan struct {
	line  []byte // of a header that has not ended yet
	skip  int    // bytes of a string and its line end that are still to come
	size  int    // bytes of this reply so far
	due   [maxDepth]int
	depth int
}

// take follows the bytes; the error is errReply.
func (s *replyScan) take(p []byte) error {
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip -= n
			p = p[n:]
			if s.skip == 0 {
				s.ended()
			}
			continue
		}
		end := 0
		for end < len(p) && p[end] != '\n' {
			end++
		}
		if len(s.line)+end > maxLine {
			return fmt.Errorf("%w: a line of more than %d bytes", errReply, maxLine)
		}
		if end == len(p) {
			s.line = append(s.line, p...)
			return nil
		}
		// Only what stands before the line end matters, and of it only the
		// beginning, so most lines are judged where they lie.
		line := p[:end]
		if len(s.line) > 0 {
			s.line = append(s.line, line...)
			line = s.line
		}
		p = p[end+1:]
		err := s.header(line)
		s.line = s.line[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// header judges a line without its line feed.
func (s *replyScan) header(line []byte) error {
	if s.depth == 0 {
		s.size = 0
	}
	if s.size += len(line) + 2; s.size > maxReply {
		return fmt.Errorf("%w: more than %d bytes", errReply, maxReply)
	}
	if len(line) == 0 {
		return fmt.Errorf("%w: an empty line", errReply)
	}
	switch line[0] {
	case '$', '!', '=':
		return s.bulk(line)
	case '*', '~', '>':
		return s.items(line, 1)
	case '%':
		return s.items(line, 2)
	case '|': // attributes stand before the reply that they are about
		return fmt.Errorf("%w: attributes nobody asked for", errReply)
	default: // the library judges the line itself
		s.ended()
		return nil
	}
}

func (s *replyScan) bulk(line []byte) error {
	n, isNil, err := announced(line, maxBulk)
	if err != nil {
		return err
	}
	if isNil {
		s.ended()
		return nil
	}
	if s.size += n; s.size > maxReply {
		return fmt.Errorf("%w: more than %d bytes", errReply, maxReply)
	}
	s.skip = n + 2
	return nil
}

func (s *replyScan) items(line []byte, each int) error {
	n, isNil, err := announced(line, maxItems)
	if err != nil {
		return err
	}
	if isNil || n == 0 {
		s.ended()
		return nil
	}
	if s.depth == maxDepth {
		return fmt.Errorf("%w: more than %d arrays in each other", errReply, maxDepth)
	}
	s.due[s.depth] = n * each
	s.depth++
	return nil
}

// ended says that one value is complete, and with it all arrays that it was
// the last item of.
func (s *replyScan) ended() {
	for s.depth > 0 {
		s.due[s.depth-1]--
		if s.due[s.depth-1] > 0 {
			return
		}
		s.depth--
	}
}

// announced is the number that a header announces. Minus one stands for "no
// value".
func announced(line []byte, most int) (n int, isNil bool, err error) {
	digits := line[1:]
	if len(digits) > 0 && digits[len(digits)-1] == '\r' {
		digits = digits[:len(digits)-1]
	}
	if string(digits) == "-1" {
		return 0, true, nil
	}
	if len(digits) == 0 {
		return 0, false, fmt.Errorf("%w: no length", errReply)
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false, fmt.Errorf("%w: a length that is no number", errReply)
		}
		if n = n*10 + int(d-'0'); n > most {
			return 0, false, fmt.Errorf("%w: announces more than %d", errReply, most)
		}
	}
	return n, false, nil
}
