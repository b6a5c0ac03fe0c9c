package extauthz

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// TestClientsThatSpeakNoHTTP2AreCountedAndLogged: their Envoy sees no more than
// a reset. Those that do, and those that only connect, are not.
func TestClientsThatSpeakNoHTTP2AreCountedAndLogged(t *testing.T) {
	onBoth(t, testClientsThatSpeakNoHTTP2AreCountedAndLogged)
}

func testClientsThatSpeakNoHTTP2AreCountedAndLogged(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	o := testOptions(decideFunc(allowsKey))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := serve(t, o)
	address := s.address
	_, err := client(t, s.address).Check(t.Context(), &authv3.CheckRequest{})
	must(t, err)
	silent, err := net.Dial("tcp", address)
	must(t, err)
	must(t, silent.Close())

	for _, first := range []string{"POST /envoy.service.auth.v3.Authorization/Check HTTP/1.1\r\nHost: credence\r\n\r\n", clientHello(t), "\x00\x01\x02\x03"} {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		_, err = conn.Write([]byte(first))
		must(t, err)
		_, _ = io.Copy(io.Discard, conn) // it says what it speaks, and hangs up
		must(t, conn.Close())
	}
	for _, spoken := range []string{spokenHTTP1, spokenTLS, spokenOther} {
		if got := metric(t, s.metrics.greetings[spoken]); got != 1 {
			t.Errorf("%v connections counted as %s, want 1", got, spoken)
		}
	}
	must(t, s.stop())
	if text := log.String(); strings.Count(text, "clients do not speak http/2") != 1 || !strings.Contains(text, "spoken=http1") {
		t.Errorf("log %q, want one event", text)
	}
}

// clientHello is what a TLS client says first.
func clientHello(t *testing.T) string {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(near, &tls.Config{ServerName: "credence", MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context()) // nobody answers
	}()
	first := make([]byte, 64)
	n, err := far.Read(first)
	must(t, err)
	must(t, far.Close())
	<-done
	must(t, near.Close())
	return string(first[:n])
}

// FuzzGreeting: whatever comes first has a name that is counted.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add([]byte{0x16, 3, 1})
	f.Fuzz(func(t *testing.T, first []byte) {
		if len(first) == 0 {
			return
		}
		http2 := strings.HasPrefix("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", string(first[:min(len(first), 24)]))
		switch spoken := spokenInstead(first); spoken {
		case "", spokenHTTP1, spokenTLS, spokenOther:
			if http2 != (spoken == "") {
				t.Errorf("%q is taken for %q", first, spoken)
			}
		default:
			t.Errorf("%q is %q", first, spoken)
		}
	})
}
