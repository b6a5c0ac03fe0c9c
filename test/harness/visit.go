package harness

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Visit is one HTTP/1 request on a connection of its own, written exactly as
// it is given: no library that cleans, sorts or joins headers is in between.
type Visit struct {
	To      string // host:port
	From    string // the client's address, one of loopback; "" for the usual one
	Hello   string // what is written before the request: a PROXY protocol header
	Method  string // GET when empty
	Host    string // gateway.test when empty
	Path    string
	Headers [][2]string // name and value, in order
}

// Reply is what the client got.
type Reply struct {
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
}

// Make sends the request and reads the reply, within [Patience].
func (v Visit) Make(ctx context.Context) (*Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	var dialer net.Dialer
	if v.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(v.From)}
	}
	conn, err := dialer.DialContext(ctx, "tcp", v.To)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the reply was read
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	method := cmp.Or(v.Method, http.MethodGet)
	var head strings.Builder
	fmt.Fprintf(&head, "%s%s %s HTTP/1.1\r\nhost: %s\r\n", v.Hello, method, v.Path, cmp.Or(v.Host, "gateway.test"))
	for _, h := range v.Headers {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	head.WriteString("connection: close\r\n\r\n")
	if _, err := io.WriteString(conn, head.String()); err != nil {
		return nil, err
	}
	return readReply(conn, method)
}

func readReply(conn io.Reader, method string) (*Reply, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &Reply{Status: response.StatusCode, Header: response.Header, Body: string(body), Trailer: response.Trailer}, nil
}

// Echoed is what the upstream received; an error when the request did not get
// there.
func (r *Reply) Echoed() (*Echoed, error) {
	if r.Status != http.StatusOK {
		return nil, fmt.Errorf("status %d, want 200 from the upstream; body %q", r.Status, r.Body)
	}
	e := &Echoed{}
	if err := json.Unmarshal([]byte(r.Body), e); err != nil {
		return nil, fmt.Errorf("no answer of the upstream: %q: %w", r.Body, err)
	}
	return e, nil
}
