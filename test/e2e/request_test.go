package e2e_test

import (
	"context"
	"net/http"
	"testing"

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
	e, err := (&harness.Reply{Status: r.status, Body: r.body}).Echoed()
	if err != nil {
		t.Fatal(err)
	}
	return e
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
	r, err := harness.Visit{
		To: v.to, From: v.from, Hello: v.hello, Method: v.method, Path: v.path, Headers: v.headers,
	}.Make(ctx)
	if err != nil {
		return nil, err
	}
	return &reply{status: r.Status, header: r.Header, body: r.Body, trailer: r.Trailer}, nil
}
