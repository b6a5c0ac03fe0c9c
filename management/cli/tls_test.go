package cli_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management/api"
	"credence/management/cli"
	"credence/store/certfile"
	"credence/test/authority"
)

// secure serves the API of the office over mutual TLS as the process does, and
// answers its port.
func (o *office) secure(signs *authority.Authority) (port string) {
	o.t.Helper()
	certFile, keyFile := signs.Server(o.t, time.Now(), "credence.example.com").Files(o.t, o.t.TempDir(), "server")
	certificate, err := certfile.Open(certfile.Options{
		Listener: "api", CertFile: certFile, KeyFile: keyFile, ClientCAFile: signs.File,
		Protocols: []string{"h2", "http/1.1"}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	must(o.t, err)
	listener, err := new(net.ListenConfig).Listen(o.t.Context(), "tcp", "127.0.0.1:0")
	must(o.t, err)
	ctx, stop := context.WithCancel(o.t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- api.Serve(ctx, tls.NewListener(listener, certificate.Config()), o.handler, time.Second, slog.New(slog.DiscardHandler))
	}()
	o.t.Cleanup(func() { stop(); must(o.t, <-ended) })
	_, port, err = net.SplitHostPort(listener.Addr().String())
	must(o.t, err)
	return port
}

func TestTheAPIIsReachedOverMutualTLS(t *testing.T) {
	o := open(t)
	signs, stranger := authority.New(t, time.Now()), authority.New(t, time.Now())
	server := "https://127.0.0.1:" + o.secure(signs)
	certFile, keyFile := signs.Client(t, time.Now(), "operator").Files(t, t.TempDir(), "client")
	strangeCert, strangeKey := stranger.Client(t, time.Now(), "operator").Files(t, t.TempDir(), "stranger")
	list := func(flags ...string) []string {
		return append([]string{"namespaces", "list", "--server", server}, flags...)
	}

	o.ok(list("--tls-ca", signs.File, "--tls-cert", certFile, "--tls-key", keyFile)...)
	o.ok(list("--tls-ca", signs.File, "--tls-cert", certFile, "--tls-key", keyFile, "--tls-server-name", "credence.example.com")...)
	o.fails(cli.ExitUnavailable, "--tls-ca", list("--tls-cert", certFile, "--tls-key", keyFile)...)
	o.fails(cli.ExitUnavailable, "--tls-server-name", list("--tls-ca", signs.File, "--tls-cert", certFile, "--tls-key", keyFile, "--tls-server-name", "other")...)
	o.fails(cli.ExitUnavailable, "--tls-cert", list("--tls-ca", signs.File)...)
	o.fails(cli.ExitUnavailable, "--tls-cert", list("--tls-ca", signs.File, "--tls-cert", strangeCert, "--tls-key", strangeKey)...)
	o.fails(cli.ExitUsage, "belong together", list("--tls-cert", certFile)...)
	o.fails(cli.ExitUsage, "missing.pem", list("--tls-ca", filepath.Join(t.TempDir(), "missing.pem"))...)
	o.fails(cli.ExitUsage, "write https", "namespaces", "list", "--server", o.url, "--tls-ca", signs.File)
}

func TestTLSFilesComeFromTheEnvironmentToo(t *testing.T) {
	o := open(t)
	signs := authority.New(t, time.Now())
	server := "https://127.0.0.1:" + o.secure(signs)
	o.options.TLS = certfile.ClientOptions{CAFile: signs.File, ServerName: "credence.example.com"}
	o.options.TLS.CertFile, o.options.TLS.KeyFile = signs.Client(t, time.Now(), "operator").Files(t, t.TempDir(), "client")
	o.ok("namespaces", "list", "--server", server)
	o.fails(cli.ExitUnavailable, "--tls-server-name", "namespaces", "list", "--server", server, "--tls-server-name", "other")
	o.ok("namespaces", "list") // the server in the data folder has no TLS
}
