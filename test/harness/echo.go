package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// maxHead bounds what the echo reads of a request before its body.
const maxHead = 1 << 20

// Echo is an upstream that answers every request with what it received: all
// header lines in order, duplicates kept. A server that parses headers into a
// map would hide the very things the tests look for.
type Echo struct {
	Address netip.AddrPort

	listener net.Listener
	requests atomic.Int64
	serving  sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	closed   bool
}

// Echoed is the answer's body.
type Echoed struct {
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Headers   [][2]string `json:"headers"` // name and value as they stood on the wire
	BodyBytes int64       `json:"body_bytes"`
}

// Values are the values of all header lines of that name, in order.
func (e *Echoed) Values(name string) []string {
	var values []string
	for _, h := range e.Headers {
		if strings.EqualFold(h[0], name) {
			values = append(values, h[1])
		}
	}
	return values
}

// StartEcho serves on address until Close.
func StartEcho(ctx context.Context, address netip.AddrPort) (*Echo, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, fmt.Errorf("start echo upstream: %w", err)
	}
	bound, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("start echo upstream: %w", err)
	}
	e := &Echo{Address: bound, listener: listener, open: map[net.Conn]struct{}{}}
	e.serving.Go(e.accept)
	return e, nil
}

// Requests is the number of requests answered so far.
func (e *Echo) Requests() int64 { return e.requests.Load() }

// Close ends the listener and every connection.
func (e *Echo) Close() error {
	err := e.listener.Close()
	e.mu.Lock()
	e.closed = true
	for c := range e.open {
		_ = c.Close()
	}
	e.mu.Unlock()
	e.serving.Wait()
	return err
}

func (e *Echo) accept() {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return // closed
		}
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			_ = conn.Close()
			return
		}
		e.open[conn] = struct{}{}
		e.mu.Unlock()
		e.serving.Go(func() {
			e.serve(conn)
			e.mu.Lock()
			delete(e.open, conn)
			e.mu.Unlock()
			_ = conn.Close()
		})
	}
}

// serve answers the requests of one connection until it ends or makes no
// sense.
func (e *Echo) serve(conn net.Conn) {
	reader := bufio.NewReaderSize(conn, 64<<10)
	for {
		echoed, err := readRequest(reader)
		if err != nil {
			return
		}
		e.requests.Add(1)
		if err := answer(conn, echoed); err != nil {
			return
		}
	}
}

func readRequest(reader *bufio.Reader) (*Echoed, error) {
	first, err := readLine(reader)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(first, " ")
	if len(parts) != 3 {
		return nil, fmt.Errorf("no request line: %q", first)
	}
	echoed := &Echoed{Method: parts[0], Path: parts[1]}
	for size := len(first); ; {
		line, err := readLine(reader)
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		if size += len(line); size > maxHead {
			return nil, errors.New("request head too large")
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("no header line: %q", line)
		}
		echoed.Headers = append(echoed.Headers, [2]string{name, strings.Trim(value, " \t")})
	}
	echoed.BodyBytes, err = readBody(reader, echoed)
	return echoed, err
}

func readLine(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

func readBody(reader *bufio.Reader, echoed *Echoed) (int64, error) {
	if coding := echoed.Values("transfer-encoding"); len(coding) > 0 {
		n, err := io.Copy(io.Discard, httputil.NewChunkedReader(reader))
		if err != nil {
			return n, err
		}
		_, err = readLine(reader) // the empty line after the last chunk
		return n, err
	}
	length := echoed.Values("content-length")
	if len(length) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(length[0], 10, 64)
	if err != nil {
		return 0, err
	}
	return io.CopyN(io.Discard, reader, n)
}

func answer(conn io.Writer, echoed *Echoed) error {
	body, err := json.Marshal(echoed)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n", len(body))
	if echoed.Method == http.MethodHead {
		body = nil
	}
	_, err = conn.Write(append([]byte(head), body...))
	return err
}
