package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/store/credential"
	"credence/test/authority"
)

// asked sends the request over the connection, reads its answer and tells the status.
func asked(t *testing.T, conn net.Conn, request string) int {
	t.Helper()
	go func() { _, _ = io.WriteString(conn, request) }() // may be cut off
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	_, err = io.Copy(io.Discard, r.Body)
	must(t, err)
	must(t, r.Body.Close())
	return r.StatusCode
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hungUp fails the test unless the other side has closed the connection.
func hungUp(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the connection is still open")
	}
}

func TestHeadersOverTheBoundAreRefusedAndThoseUnderItAreNot(t *testing.T) {
	w := newWorld(t, nil)
	address, _ := w.serve(t, ServeOptions{})
	with := func(size int) string {
		return fmt.Sprintf("GET /envoy/ HTTP/1.1\r\nHost: h\r\nX-Client-Ip: 203.0.113.7\r\nX-Api-Key: %s\r\nX-Much: %s\r\n\r\n", w.text, strings.Repeat("a", size))
	}
	if got := asked(t, dial(t, address), with(200<<10)); got != http.StatusOK {
		t.Errorf("200 KiB of headers: %d, want 200", got)
	}
	conn := dial(t, address)
	if got := asked(t, conn, with(300<<10)); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("300 KiB of headers: %d, want 431", got)
	}
	hungUp(t, conn)
}

func TestACallerWithoutTheSecretKeepsNoConnection(t *testing.T) {
	secret := strings.Repeat("s", 40)
	w := newWorld(t, func(o *extauthz.Options) { o.CallSecrets = []credential.Text{credential.NewText(secret)} })
	address, _ := w.serve(t, ServeOptions{})
	ask := func(more string) string {
		return "GET /envoy/ HTTP/1.1\r\nHost: h\r\nX-Client-Ip: 203.0.113.7\r\nX-Api-Key: " + w.text + "\r\n" + more + "\r\n"
	}
	conn := dial(t, address)
	if got := asked(t, conn, ask("")); got != http.StatusServiceUnavailable {
		t.Errorf("without the secret: %d, want 503", got)
	}
	hungUp(t, conn)
	kept := dial(t, address)
	for range 2 {
		if got := asked(t, kept, ask("X-Credence-Call-Secret: "+secret+"\r\n")); got != http.StatusOK {
			t.Errorf("with the secret: %d, want 200", got)
		}
	}
}

// waits is a pipeline whose decisions are held until the test ends.
type waits struct{ release chan struct{} }

func (s waits) Decide(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) {
	<-s.release
	d.Reason = pipeline.ReasonMissingKey
}

func TestTheStreamsOfAConnectionAreBounded(t *testing.T) {
	held := waits{make(chan struct{})}
	w := newWorld(t, func(o *extauthz.Options) { o.Pipeline = held })
	defer close(held.release)
	now := time.Now()
	issued := authority.New(t, now).Issue(t, authority.Request{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), Usage: x509.ExtKeyUsageServerAuth})
	certificate, err := tls.X509KeyPair(issued.Certificate, issued.Key)
	must(t, err)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address, _ := w.serveOn(t, tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
	}), ServeOptions{})
	conn, err := (&tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"h2"},
	}}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the answers are held
	_, err = io.WriteString(conn, http2.ClientPreface)
	must(t, err)
	f := http2.NewFramer(conn, conn)
	must(t, f.WriteSettings())
	var block strings.Builder
	for _, h := range []header{{":method", "GET"}, {":scheme", "https"}, {":path", "/envoy/"}, {":authority", "h"}} {
		must(t, hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
	}
	beyond := uint32(2*maxStreams + 1)
	go func() {
		for stream := uint32(1); stream <= beyond; stream += 2 {
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(block.String()), EndHeaders: true, EndStream: true})
			if err != nil {
				return // the reader below says what is wrong
			}
		}
	}()
	for {
		frame, err := f.ReadFrame()
		must(t, err)
		if reset, ok := frame.(*http2.RSTStreamFrame); ok {
			if reset.StreamID != beyond || reset.ErrCode != http2.ErrCodeRefusedStream {
				t.Fatalf("stream %d was reset with %s, want %d refused", reset.StreamID, reset.ErrCode, beyond)
			}
			return
		}
	}
}
