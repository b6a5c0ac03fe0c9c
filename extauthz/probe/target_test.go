package probe_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
	"credence/store/certfile"
	"credence/store/credential"
	"credence/test/authority"
)

const callSecret = "call-secret-0123456789abcdefghijklm"

// guarded runs a Check server that wants a client certificate of the authority
// (if any) and the call secret.
func guarded(t *testing.T, signs *authority.Authority) (address string) {
	t.Helper()
	o := extauthz.Options{
		Pipeline: decideFunc(func(_ *pipeline.Request, d *pipeline.Decision) { d.Reason = pipeline.ReasonAllowed }),
		Logger:   slog.New(slog.DiscardHandler), Now: time.Now, Registerer: prometheus.NewRegistry(),
		CallSecrets: []credential.Text{credential.NewText(callSecret)},
	}
	if signs != nil {
		certFile, keyFile := signs.Server(t, time.Now(), "credence.example.com").Files(t, t.TempDir(), "server")
		certificate, err := certfile.Open(certfile.Options{
			Listener: "check", CertFile: certFile, KeyFile: keyFile, ClientCAFile: signs.File, Protocols: []string{"h2"},
			Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		})
		must(t, err)
		o.Transport.TLS = certificate.Config()
	}
	s, err := extauthz.New(o)
	must(t, err)
	l, err := extauthz.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	return l.Addr().String()
}

// TestGuardedServerIsReachedAsAProxyWould and each thing that is missing or
// wrong is named with the flag that mends it.
func TestGuardedServerIsReachedAsAProxyWould(t *testing.T) {
	signs, stranger := authority.New(t, time.Now()), authority.New(t, time.Now())
	secured, plain := guarded(t, signs), guarded(t, nil)
	certFile, keyFile := signs.Client(t, time.Now(), "probe").Files(t, t.TempDir(), "client")
	secretFile := filepath.Join(t.TempDir(), "call.secrets")
	must(t, os.WriteFile(secretFile, []byte(callSecret+"\n# until all proxies have the new one\nformer-"+callSecret+"\n"), 0o600))
	wrongFile := filepath.Join(t.TempDir(), "call.secrets")
	must(t, os.WriteFile(wrongFile, []byte("wrong-"+callSecret+"\n"), 0o600))
	secret := []string{"--call-secret-file", secretFile}
	show := []string{"--tls-cert", certFile, "--tls-key", keyFile}
	trust := []string{"--tls-ca", signs.File}

	for name, c := range map[string]struct {
		address string
		flags   [][]string
		want    string // of the error; "" for none
	}{
		"all":                 {secured, [][]string{trust, show, secret}, ""},
		"another name":        {secured, [][]string{trust, show, secret, {"--tls-server-name", "credence.example.com"}}, ""},
		"plaintext":           {plain, [][]string{secret}, ""},
		"no secret":           {secured, [][]string{trust, show}, "--call-secret-file"},
		"wrong secret":        {plain, [][]string{{"--call-secret-file", wrongFile}}, "--call-secret-file"},
		"no certificate":      {secured, [][]string{trust, secret}, "--tls-cert"},
		"unknown authority":   {secured, [][]string{{"--tls-ca", stranger.File}, show, secret}, "--tls-ca"},
		"system's":            {secured, [][]string{{"--tls"}, show, secret}, "--tls-ca"},
		"wrong name":          {secured, [][]string{trust, show, secret, {"--tls-server-name", "other"}}, "--tls-server-name"},
		"TLS where none is":   {plain, [][]string{trust, secret}, "speaks no TLS"},
		"plaintext where TLS": {secured, [][]string{secret}, "--tls"},
	} {
		args := []string{"--addr", c.address}
		for _, f := range c.flags {
			args = append(args, f...)
		}
		_, _, err := run(t, "", args...)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, probe.ErrUnanswered) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), callSecret) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

// TestWrongFilesAreUsageErrors before anything is sent.
func TestWrongFilesAreUsageErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	secretFile := filepath.Join(t.TempDir(), "call.secrets")
	must(t, os.WriteFile(secretFile, []byte(callSecret), 0o600))
	for want, args := range map[string][]string{
		"--call-secret-file":      {"--call-secret-file", missing},
		missing:                   {"--tls-ca", missing},
		"belong together":         {"--tls-cert", missing},
		"secret would cross":      {"--call-secret-file", secretFile, "--addr", "192.0.2.1:9001"},
		"say --tls, run the comm": {"--key", text, "--addr", "192.0.2.1:9001"},
	} {
		if _, _, err := run(t, "", args...); !errors.Is(err, probe.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestHeaderOfTheSecretIsTheServers: two packages write it down.
func TestHeaderOfTheSecretIsTheServers(t *testing.T) {
	target := probe.Target{Address: guarded(t, nil), CallSecret: credential.NewText(callSecret)}
	if _, err := probe.Check(t.Context(), target, probe.Request{KeyHeader: "x-api-key"}, time.Now); err != nil {
		t.Errorf("without TLS: %v", err)
	}
	target.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if _, err := probe.Check(t.Context(), target, probe.Request{KeyHeader: "x-api-key"}, time.Now); !errors.Is(err, probe.ErrUnanswered) {
		t.Errorf("with TLS to a server without: %v", err)
	}
}
