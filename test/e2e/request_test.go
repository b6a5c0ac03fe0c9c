package e2e_test

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
	"testing"
	"time"

	"credence/test/harness"
)

// reply is what a client got.
type reply struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
}

// echoed is what the upstream received; it fails the test when the request
// did not get there.
func (r *reply) echoed(t *testing.T) *harness.Echoed {
	t.Helper()
	var e harness.Echoed
	if r.status != http.StatusOK {
		t.Fatalf("status %d, want 200 from the upstream; body %q", r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("no answer of the upstream: %q: %v", r.body, err)
	}
	return &e
}

// wantStatus fails the test when the status is another one.
func (r *reply) wantStatus(t *testing.T, want int) {
	t.Helper()
	if r.status != want {
		t.Fatalf("status %d, want %d; body %q", r.status, want, r.body)
	}
}

// get sends a GET with header lines exactly as they are given, in that order:
// no library that cleans, sorts or joins them is in between.
func (d *deployment) get(t *testing.T, path string, headers ...[2]string) *reply {
	t.Helper()
	return d.send(t, "GET", path, headers...)
}

func (d *deployment) send(t *testing.T, method, path string, headers ...[2]string) *reply {
	t.Helper()
	r, err := d.try(t, "", method, path, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// try is send for a client at one of the addresses of loopback ("" for the
// usual one); it answers an error when there was no reply.
func (d *deployment) try(t *testing.T, from, method, path string, headers ...[2]string) (*reply, error) {
	t.Helper()
	return visit{to: d.envoy.Address, from: from, method: method, path: path, headers: headers}.make(t.Context())
}

// visit is one HTTP/1 request on a connection of its own.
type visit struct {
	to      string // host:port
	from    string // the client's address, one of loopback; "" for the usual one
	hello   string // what is written before the request: a PROXY protocol header
	method  string // GET when empty
	path    string
	headers [][2]string
}

// make sends the request and reads the reply.
func (v visit) make(ctx context.Context) (*reply, error) {
	dialer := net.Dialer{Timeout: harness.Patience}
	if v.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(v.from)}
	}
	conn, err := dialer.DialContext(ctx, "tcp", v.to)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the reply was read
	if err := conn.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		return nil, err
	}
	method := cmp.Or(v.method, http.MethodGet)
	var head strings.Builder
	fmt.Fprintf(&head, "%s%s %s HTTP/1.1\r\nhost: gateway.test\r\n", v.hello, method, v.path)
	for _, h := range v.headers {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	head.WriteString("connection: close\r\n\r\n")
	if _, err := io.WriteString(conn, head.String()); err != nil {
		return nil, err
	}
	return readReply(conn, method)
}

func readReply(conn io.Reader, method string) (*reply, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &reply{status: response.StatusCode, header: response.Header, body: string(body), trailer: response.Trailer}, nil
}
