package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// preface is what an HTTP/2 client says first (RFC 9113, 3.4): a fixed text
// and a SETTINGS frame, here an empty one. To an HTTP/1 server it is a request
// that it must refuse in its own language.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// frameHeader is the length of the header of an HTTP/2 frame.
const frameHeader = 9

// spoken is what a server turned out to speak.
type spoken int

const (
	nothing spoken = iota // it closed or stayed silent
	http2
	http1
	tlsSpoken
	unknown
)

// said are the first words of a server.
type said struct {
	spoken spoken
	words  string
	err    error
}

// greet says the preface and hears what comes back.
func greet(conn io.ReadWriter) said {
	_, writing := io.WriteString(conn, preface)
	return hear(conn, writing)
}

// hear reads the first words; writing is why the preface did not go out.
func hear(conn io.Reader, writing error) said {
	first := make([]byte, 64)
	n, err := io.ReadAtLeast(conn, first, frameHeader)
	s := said{spoken: recognise(first[:n]), words: string(first[:n]), err: errors.Join(writing, err)}
	if line, _, ok := strings.Cut(s.words, "\r\n"); ok && s.spoken == http1 {
		s.words = line
	}
	return s
}

func recognise(b []byte) spoken {
	switch {
	case len(b) == 0:
		return nothing
	case bytes.HasPrefix(b, []byte("HTTP/")):
		return http1
	case len(b) >= 2 && b[0] == 0x15 && b[1] == 3: // an alert, of any version
		return tlsSpoken
	case len(b) >= frameHeader && b[3] == 4 && b[5]|b[6]|b[7]|b[8] == 0: // SETTINGS, on stream 0
		return http2
	}
	return unknown
}

// transport asks what is spoken at the address.
func (e *examination) transport(ctx context.Context, address string) Finding {
	if e.Target.TLS != nil {
		return e.secured(ctx, address)
	}
	heard := e.plain(ctx, address)
	switch heard.spoken {
	case http2:
		return Finding{Step: "transport", Level: OK, Code: "http2", Observed: "HTTP/2 without TLS"}
	case http1:
		return http1Server(heard)
	case tlsSpoken:
		return tlsWanted()
	case nothing, unknown:
	}
	if e.speaksTLS(ctx, address) {
		return tlsWanted()
	}
	return noHTTP2(heard)
}

func (e *examination) plain(ctx context.Context, address string) said {
	conn, err := dial(ctx, address)
	if err != nil {
		return said{err: err}
	}
	defer conn.Close() //nolint:errcheck // nothing of worth was sent
	return greet(conn)
}

// speaksTLS tries a handshake on a connection of its own. A server that
// answers it speaks TLS, whether or not it can be trusted.
func (e *examination) speaksTLS(ctx context.Context, address string) bool {
	conn, err := dial(ctx, address)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing of worth was sent
	err = tls.Client(conn, e.config()).HandshakeContext(ctx)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return err == nil || untrusted || strings.Contains(err.Error(), "remote error: tls:")
}

// secured shakes hands and looks at the certificate, then at what is spoken
// inside.
func (e *examination) secured(ctx context.Context, address string) Finding {
	conn, err := dial(ctx, address)
	if err != nil {
		return Finding{Step: "transport", Level: Problem, Code: "unreachable", Observed: err.Error(), Remedy: "Try again: it was there a moment ago."}
	}
	defer conn.Close() //nolint:errcheck // nothing of worth was sent
	config, demand := e.config(), demand{}
	demand.watch(config)
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return e.noHandshake(ctx, address, err, &demand)
	}
	if client.ConnectionState().NegotiatedProtocol != "h2" {
		return noALPN("it chose none")
	}
	heard := demand.listen(client, e.Timeout)
	switch {
	case heard.spoken == http2:
		leaf := client.ConnectionState().PeerCertificates[0]
		return Finding{
			Step: "transport", Level: OK, Code: "http2_tls",
			Observed: fmt.Sprintf("HTTP/2 with TLS, certificate of %s valid until %s", few(names(leaf)), leaf.NotAfter.UTC().Format(time.RFC3339)),
		}
	case heard.spoken == http1:
		return http1Server(heard)
	case demand.made:
		return demand.finding(heard.err)
	}
	return noHTTP2(heard)
}

// demand remembers whether the server asked for a certificate. In TLS 1.3 the
// client is done before the server has judged it, so the refusal comes later,
// as an alert or a connection that breaks.
type demand struct {
	made, shown bool
}

// watch has the handshake tell of the demand, and answer it as it would.
func (d *demand) watch(config *tls.Config) {
	own := config.Certificates
	config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.made = true
		for i := range own {
			if asked.SupportsCertificate(&own[i]) == nil {
				d.shown = true
				return &own[i], nil
			}
		}
		return &tls.Certificate{}, nil
	}
}

// listen hears the server. After a demand it waits a moment before it speaks:
// what is sent into a refusal can break the connection before the alert that
// says why was read.
func (d *demand) listen(client *tls.Conn, timeout time.Duration) said {
	if d.made {
		until := time.AfterFunc(timeout/3, func() { _, _ = io.WriteString(client, preface) }) // hear tells of what fails
		defer until.Stop()
		return hear(client, nil)
	}
	return greet(client)
}

// finding says what was wrong with the certificate that was shown, or that
// none was.
func (d *demand) finding(err error) Finding {
	f := Finding{
		Step: "transport", Level: Problem, Code: "client_certificate_wanted",
		Observed: "the server wants a certificate of the client, and was shown none: " + text(err),
		Why:      "It answers only those whom an authority of its own vouches for (--check-tls-client-ca); Envoy needs such a certificate too.",
		Remedy:   "Give one with --tls-cert and --tls-key, and one to Envoy's cluster.",
		Envoy:    envoyClientCertificate,
	}
	if d.shown {
		f.Code = "client_certificate_refused"
		f.Observed = "the server refuses the certificate that it was shown: " + text(err)
		f.Remedy = "See whether it has expired, is meant for clients, is of an authority in --check-tls-client-ca, and bears a name in --check-tls-client-names."
	}
	return f
}

// noHandshake says why there is no TLS.
func (e *examination) noHandshake(ctx context.Context, address string, err error, d *demand) Finding {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return untrusted(bad, e.config().ServerName, e.Now())
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if heard := e.plain(ctx, address); heard.spoken == http1 {
			return http1Server(heard)
		}
		return Finding{
			Step: "transport", Level: Problem, Code: "plaintext_server", Observed: "the server speaks no TLS",
			Why:    "An Envoy that speaks TLS to it fails every handshake; one that does not sends keys readable to the server.",
			Remedy: "Give the server a certificate with --check-tls-cert and --check-tls-key, or, on a private network, leave TLS out here (--tls=false) and in Envoy's cluster (transport_socket).",
		}
	}
	if strings.Contains(err.Error(), "no application protocol") {
		return noALPN("it refused h2")
	}
	if d.made {
		return d.finding(err)
	}
	return Finding{
		Step: "transport", Level: Problem, Code: "tls_failed", Observed: text(err),
		Why:    "Without a handshake there is no connection.",
		Remedy: "See the server's log, and whether both sides have a version of TLS in common: Credence speaks 1.2 and 1.3.",
	}
}

func http1Server(heard said) Finding {
	return Finding{
		Step: "transport", Level: Problem, Code: "http1_server", Observed: "an HTTP/1 server: " + heard.words,
		Why:    "Checks are gRPC, which needs HTTP/2.",
		Remedy: "Give the Check address (--check-addr, port 9001), not that of the management API (8080) or the status port (9003).",
	}
}

func tlsWanted() Finding {
	return Finding{
		Step: "transport", Level: Problem, Code: "tls_wanted", Observed: "the server speaks TLS",
		Why:    "An Envoy whose cluster has no transport_socket is hung up on.",
		Remedy: "Say --tls, with --tls-ca for an authority of your own, and give Envoy's cluster a transport_socket.",
		Envoy:  envoyTLS,
	}
}

func noHTTP2(heard said) Finding {
	f := Finding{
		Step: "transport", Level: Problem, Code: "not_http2", Observed: "neither HTTP/2, HTTP/1 nor TLS: " + fmt.Sprintf("%q", heard.words),
		Why:    "Checks are gRPC, which needs HTTP/2.",
		Remedy: "Something else listens there: give the Check address.",
	}
	if heard.spoken == nothing {
		f.Code, f.Observed = "silent", "connected, but no word came back: "+text(heard.err)
		f.Remedy = "A process that hangs, or a load balancer without a server behind it: look at the process, and at its own address."
	}
	return f
}

func noALPN(what string) Finding {
	return Finding{
		Step: "transport", Level: Problem, Code: "no_http2_over_tls", Observed: "a TLS server that does not offer HTTP/2 (ALPN h2): " + what,
		Why:    "Checks are gRPC, which needs HTTP/2.",
		Remedy: "Give the Check address, not that of another server. A proxy in between must offer h2.",
	}
}

// text is an error in short.
func text(err error) string {
	switch {
	case err == nil:
		return "no reason was given"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return err.Error()
}
