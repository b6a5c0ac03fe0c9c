package certfile_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"credence/store/certfile"
	"credence/test/authority"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a folder with the files of a listener, and what its certificate
// tells.
type place struct {
	authority *authority.Authority
	folder    string
	options   certfile.Options
	log       *bytes.Buffer
	registry  *prometheus.Registry
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{folder: t.TempDir(), log: &bytes.Buffer{}, registry: prometheus.NewRegistry()}
	p.authority = authority.New(t, time.Now())
	p.options = certfile.Options{
		Listener: "check", Protocols: []string{"h2"}, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(p.log, nil)), Registerer: p.registry,
	}
	p.options.CertFile, p.options.KeyFile = p.authority.Server(t, time.Now(), "first").Files(t, p.folder, "server")
	return p
}

func (p *place) open(t *testing.T) *certfile.Certificate {
	t.Helper()
	c, err := certfile.Open(p.options)
	must(t, err)
	return c
}

// metric is one value of the listener.
func (p *place) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := p.registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			if m.GetLabel()[0].GetValue() != "check" {
				t.Errorf("%s: labels %v", name, m.GetLabel())
			}
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// wire is a connection on loopback: it buffers, so that an end that refuses
// can say so while the other still writes.
func wire(t *testing.T) (server, client net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	client, err = new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	must(t, err)
	server, err = listener.Accept()
	must(t, err)
	must(t, listener.Close())
	return server, client
}

// handshake is one connection to the listener; both ends must agree that it
// failed. Under TLS 1.3 a client learns that it was refused only when it reads.
func handshake(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	a, b := wire(t)
	ended := make(chan error, 1)
	go func() {
		conn := tls.Server(a, server)
		err := conn.HandshakeContext(t.Context())
		if err == nil {
			_, err = conn.Write([]byte("."))
		}
		ended <- err
		_ = a.Close()
	}()
	conn := tls.Client(b, client)
	clientErr = conn.HandshakeContext(t.Context())
	if clientErr == nil {
		_, clientErr = conn.Read(make([]byte, 1))
	}
	state = conn.ConnectionState()
	_ = b.Close()
	return state, <-ended, clientErr
}

// client is a client's configuration, with a certificate when there is one.
func (p *place) client(t *testing.T, shows *authority.Issued) *tls.Config {
	t.Helper()
	o := certfile.ClientOptions{CAFile: p.authority.File, ServerName: "localhost"}
	if shows != nil {
		o.CertFile, o.KeyFile = shows.Files(t, t.TempDir(), "client")
	}
	config, err := o.Config()
	must(t, err)
	config.NextProtos = []string{"h2"}
	return config
}

// shown is the first extra name of the certificate that a new client gets.
func (p *place) shown(t *testing.T, c *certfile.Certificate) string {
	t.Helper()
	state, serverErr, clientErr := handshake(t, c.Config(), p.client(t, nil))
	must(t, serverErr)
	must(t, clientErr)
	return state.PeerCertificates[0].DNSNames[1]
}

func TestANewCertificateIsShownToNewConnectionsAndOldOnesStay(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	if changed, err := c.Reload(t.Context()); changed || err != nil {
		t.Fatalf("nothing changed, reload says %t, %v", changed, err)
	}
	a, b := wire(t)
	config := c.Config()
	server, client := tls.Server(a, config), tls.Client(b, p.client(t, nil))
	echo := func(text string) {
		t.Helper()
		failed := make(chan error, 1)
		go func() {
			_, err := server.Write([]byte(text))
			failed <- err
		}()
		got := make([]byte, len(text))
		_, err := client.Read(got)
		must(t, err)
		must(t, <-failed)
		if string(got) != text {
			t.Errorf("read %q, want %q", got, text)
		}
	}
	echo("before")
	p.authority.Server(t, time.Now(), "second").Files(t, p.folder, "server")
	if changed, err := c.Reload(t.Context()); !changed || err != nil {
		t.Fatalf("the files changed, reload says %t, %v", changed, err)
	}
	echo("after")
	must(t, b.Close())
	must(t, a.Close())

	state, serverErr, clientErr := handshake(t, config, p.client(t, nil)) // the configuration of the start
	must(t, serverErr)
	must(t, clientErr)
	if got := state.PeerCertificates[0].DNSNames[1]; got != "second" {
		t.Errorf("a new connection is shown %q", got)
	}
	if p.metric(t, "credence_tls_reloads_total") != 1 || p.metric(t, "credence_tls_reload_failures_total") != 0 {
		t.Error("reloads are not counted")
	}
}

// Kubernetes exchanges the folder behind a symbolic link; size and time of
// what the link names say nothing.
func TestFilesExchangedBehindASymbolicLinkAreNoticed(t *testing.T) {
	p := newPlace(t)
	first, second := filepath.Join(p.folder, "..1"), filepath.Join(p.folder, "..2")
	for folder, name := range map[string]string{first: "first", second: "second"} {
		must(t, os.Mkdir(folder, 0o700))
		p.authority.Server(t, time.Now(), name).Files(t, folder, "server")
	}
	link := filepath.Join(p.folder, "..data")
	must(t, os.Symlink(first, link))
	p.options.CertFile, p.options.KeyFile = filepath.Join(link, "server.pem"), filepath.Join(link, "server.key")
	c := p.open(t)
	must(t, os.Symlink(second, link+".new"))
	must(t, os.Rename(link+".new", link))
	if changed, err := c.Reload(t.Context()); !changed || err != nil {
		t.Fatalf("reload says %t, %v", changed, err)
	}
	if got := p.shown(t, c); got != "second" {
		t.Errorf("shown %q", got)
	}
}

func TestABadReloadKeepsTheOldCertificateIsLoggedOnceAndCounted(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	half := p.authority.Server(t, time.Now(), "second")
	authority.Write(t, p.options.CertFile, half.Certificate, 0o644) // the key follows later
	for range 3 {
		if changed, err := c.Reload(t.Context()); changed || err == nil || !strings.Contains(err.Error(), p.options.KeyFile) {
			t.Fatalf("reload says %t, %v", changed, err)
		}
	}
	if got := p.shown(t, c); got != "first" {
		t.Errorf("shown %q", got)
	}
	if n := strings.Count(p.log.String(), "refused"); n != 1 {
		t.Errorf("logged %d times: %s", n, p.log)
	}
	if got := p.metric(t, "credence_tls_reload_failures_total"); got != 3 {
		t.Errorf("counted %v failures", got)
	}
	authority.Write(t, p.options.KeyFile, half.Key, 0o600)
	if changed, err := c.Reload(t.Context()); !changed || err != nil {
		t.Fatalf("reload says %t, %v", changed, err)
	}
	if got := p.shown(t, c); got != "second" {
		t.Errorf("shown %q", got)
	}
	must(t, os.Remove(p.options.CertFile))
	if _, err := c.Reload(t.Context()); err == nil || strings.Count(p.log.String(), "refused") != 2 {
		t.Errorf("another failure after a success: %v, log %s", err, p.log)
	}
}

func TestRunReadsTheFilesAtEachPollUntilItIsStopped(t *testing.T) {
	p := newPlace(t)
	p.options.Poll = time.Minute
	// The bubble has a clock of its own; the files are judged by another.
	at := time.Now()
	p.options.Now = func() time.Time { return at }
	next := p.authority.Server(t, at, "second")
	synctest.Test(t, func(t *testing.T) {
		c := p.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		next.Files(t, p.folder, "server")
		synctest.Wait()
		if got := p.metric(t, "credence_tls_reloads_total"); got != 0 {
			t.Errorf("%v reloads before the first poll", got)
		}
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		if got := p.metric(t, "credence_tls_reloads_total"); got != 1 {
			t.Errorf("%v reloads after the first poll", got)
		}
		cancel()
		must(t, <-ended)
	})
}

func TestTheEndOfACertificateIsMeasuredAndWarnedOfOnce(t *testing.T) {
	p := newPlace(t)
	start := time.Now()
	now := start
	p.options.Now = func() time.Time { return now }
	c := p.open(t)
	left := p.metric(t, "credence_tls_certificate_expiry_seconds")
	if want := c.Ends().Sub(now).Seconds(); left != want || want < 11*3600 || want > 12*3600 {
		t.Errorf("%v s left, want %v", left, want)
	}
	// A new one that does not arrive: the files stay as they are.
	for _, step := range []struct {
		at    time.Duration
		warns int
		ended int
	}{{0, 0, 0}, {9 * time.Hour, 0, 0}, {11 * time.Hour, 1, 0}, {11*time.Hour + time.Minute, 1, 0}, {13 * time.Hour, 1, 1}, {14 * time.Hour, 1, 1}} {
		now = start.Add(step.at)
		_, err := c.Reload(t.Context())
		if expired := step.ended > 0; expired != (err != nil) {
			t.Errorf("after %s: %v", step.at, err)
		}
		log := p.log.String()
		if strings.Count(log, "ends soon") != step.warns || strings.Count(log, "has ended") != step.ended {
			t.Errorf("after %s: %s", step.at, log)
		}
	}
	if left := p.metric(t, "credence_tls_certificate_expiry_seconds"); left >= 0 {
		t.Errorf("%v s left after the end", left)
	}
	p.authority.Server(t, now, "second").Files(t, p.folder, "server")
	if changed, err := c.Reload(t.Context()); !changed || err != nil {
		t.Errorf("renewed: %t, %v", changed, err)
	}
}

func TestTwoListenersShareTheNamesOfTheMetrics(t *testing.T) {
	p := newPlace(t)
	p.open(t)
	p.options.Listener = "api"
	p.open(t)
	families, err := p.registry.Gather()
	must(t, err)
	for _, f := range families {
		if len(f.GetMetric()) != 2 {
			t.Errorf("%s: %v", f.GetName(), f.GetMetric())
		}
	}
	if _, err := certfile.Open(p.options); err == nil || !strings.Contains(err.Error(), "metrics") {
		t.Errorf("the same listener twice: %v", err)
	}
}
