package extauthz

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"credence/store/certfile"
	"credence/test/authority"
)

// secured is a Check server that wants client certificates of its authority.
type secured struct {
	*served
	authority   *authority.Authority
	folder      string
	certificate *certfile.Certificate
}

func serveTLS(t *testing.T, o Options) *secured {
	t.Helper()
	s := &secured{authority: authority.New(t, time.Now()), folder: t.TempDir()}
	certFile, keyFile := s.authority.Server(t, time.Now(), "first").Files(t, s.folder, "server")
	var err error
	s.certificate, err = certfile.Open(certfile.Options{
		Listener: "check", CertFile: certFile, KeyFile: keyFile, ClientCAFile: s.authority.File,
		Protocols: []string{"h2"}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	must(t, err)
	o.Transport.TLS = s.certificate.Config()
	s.served = serve(t, o)
	return s
}

// proxy connects as an Envoy does, with a certificate of the authority.
func (s *secured) proxy(t *testing.T, shown func(tls.ConnectionState)) authv3.AuthorizationClient {
	t.Helper()
	config := s.trust(t)
	certFile, keyFile := s.authority.Client(t, time.Now(), "envoy").Files(t, t.TempDir(), "envoy")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	must(t, err)
	config.Certificates = []tls.Certificate{pair}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		shown(state)
		return nil
	}
	return s.connect(t, config)
}

// trust is a client's configuration without a certificate.
func (s *secured) trust(t *testing.T) *tls.Config {
	t.Helper()
	config, err := certfile.ClientOptions{CAFile: s.authority.File, ServerName: "localhost"}.Config()
	must(t, err)
	return config
}

func (s *secured) connect(t *testing.T, config *tls.Config) authv3.AuthorizationClient {
	t.Helper()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return authv3.NewAuthorizationClient(conn)
}

// TestClientsThatTLSDoesNotKnowAreTurnedAway: no connection, no decision; the
// operator learns who and why.
func TestClientsThatTLSDoesNotKnowAreTurnedAway(t *testing.T) {
	onBoth(t, testClientsThatTLSDoesNotKnowAreTurnedAway)
}

func testClientsThatTLSDoesNotKnowAreTurnedAway(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	o := testOptions(decideFunc(allowsKey))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } // one moment: one event
	s := serveTLS(t, o)
	none := s.trust(t)
	stranger := s.trust(t)
	certFile, keyFile := authority.New(t, time.Now()).Client(t, time.Now(), "envoy").Files(t, t.TempDir(), "envoy")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	must(t, err)
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	for name, c := range map[string]authv3.AuthorizationClient{
		"no certificate": s.connect(t, none), "a stranger's": s.connect(t, stranger), "plaintext": client(t, s.address),
	} {
		if _, err := c.Check(t.Context(), getOrders()); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if metric(t, s.metrics.allow[1]) != 0 {
		t.Error("a Check was decided")
	}
	if _, err := s.proxy(t, func(tls.ConnectionState) {}).Check(t.Context(), getOrders()); err != nil {
		t.Errorf("a proxy with a certificate: %v", err)
	}
	must(t, s.stop())
	if got := metric(t, s.metrics.handshakes); got < 3 { // clients may have tried again
		t.Errorf("%v handshakes counted, want 3", got)
	}
	if text := log.String(); strings.Count(text, "tls handshakes refused") != 1 || !strings.Contains(text, "peer=127.0.0.1:") {
		t.Errorf("log: %s", text)
	}
}

// TestAPortCheckIsNoRefusedClient: it connects and says nothing.
func TestAPortCheckIsNoRefusedClient(t *testing.T) {
	server, check := net.Pipe()
	must(t, check.Close())
	c := newHandshakes(&tls.Config{MinVersion: tls.VersionTLS12}, func(net.Addr, error) { t.Error("told of it") })
	if _, _, err := c.Clone().ServerHandshake(server); err == nil {
		t.Error("a handshake with nobody")
	}
}

// TestACertificateIsExchangedUnderLoad: while Checks run over connections that
// end all the time, files go wrong and right again, and no Check fails.
func TestACertificateIsExchangedUnderLoad(t *testing.T) {
	onBoth(t, testACertificateIsExchangedUnderLoad)
}

func testACertificateIsExchangedUnderLoad(t *testing.T) {
	t.Helper()
	o := testOptions(decideFunc(allowsKey))
	o.Transport.MaxConnectionAge = 20 * time.Millisecond
	s := serveTLS(t, o)
	var names [2]atomic.Int64 // of the server, as connections saw it
	c := s.proxy(t, func(state tls.ConnectionState) {
		for i, name := range []string{"first", "second"} {
			if state.PeerCertificates[0].DNSNames[1] == name {
				names[i].Add(1)
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stopped := make(chan struct{})
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for {
				select {
				case <-stopped:
					return nil
				default:
				}
				if _, err := c.Check(ctx, getOrders()); err != nil {
					return err
				}
			}
		})
	}
	// more waits until as many new connections were shown that certificate.
	more := func(which int, connections int64) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for want := names[which].Load() + connections; names[which].Load() < want && ctx.Err() == nil; {
			<-tick.C
		}
	}
	more(0, 3)
	second := s.authority.Server(t, time.Now(), "second")
	authority.Write(t, s.folder+"/server.pem", second.Certificate, 0o644)
	if _, err := s.certificate.Reload(ctx); err == nil {
		t.Error("the new certificate was taken with the old key")
	}
	more(0, 3)
	authority.Write(t, s.folder+"/server.key", second.Key, 0o600)
	if changed, err := s.certificate.Reload(ctx); !changed || err != nil {
		t.Errorf("reload says %t, %v", changed, err)
	}
	more(1, 3)
	close(stopped)
	must(t, g.Wait())
	if names[0].Load() < 6 || names[1].Load() < 3 {
		t.Errorf("connections with the old certificate: %d, with the new one: %d", names[0].Load(), names[1].Load())
	}
}
