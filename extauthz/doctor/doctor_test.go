package doctor_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"credence/extauthz"
	"credence/extauthz/doctor"
	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
	"credence/store/certfile"
	"credence/store/credential"
	"credence/test/authority"
)

const (
	text       = "crd_live_0000000000000000000000000000000000000000000000000"
	callSecret = "call-secret-0123456789abcdefghijklm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type decideFunc func(r *pipeline.Request, d *pipeline.Decision)

func (f decideFunc) Decide(_ context.Context, r *pipeline.Request, d *pipeline.Decision) { f(r, d) }

// decide allows the key of these tests, and refuses for want of one.
func decide(r *pipeline.Request, d *pipeline.Decision) {
	d.Reason, d.Stage = pipeline.ReasonMissingKey, pipeline.StageExtract
	switch string(r.Header("x-api-key")) {
	case "":
	case text:
		d.Reason, d.Stage, d.Key = pipeline.ReasonAllowed, pipeline.StageEnd, &pipeline.Key{KeyID: "key_01"}
	default:
		d.Reason, d.Stage = pipeline.ReasonUnknownKey, pipeline.StageVerify
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs a Check server with the options, and answers its address.
func serve(t *testing.T, o extauthz.Options) string {
	t.Helper()
	if o.Pipeline == nil {
		o.Pipeline = decideFunc(decide)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	o.Logger, o.Now = slog.New(slog.DiscardHandler), time.Now
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

// secure is the TLS of a Check server with the certificate; clients is the
// file of the authorities of its clients, if it wants certificates.
func secure(t *testing.T, issued authority.Issued, clients string) extauthz.TransportOptions {
	t.Helper()
	pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
	must(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	if clients != "" {
		content, err := os.ReadFile(clients)
		must(t, err)
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		config.ClientCAs.AppendCertsFromPEM(content)
	}
	return extauthz.TransportOptions{TLS: config}
}

// run executes the command line and reads the report.
func run(t *testing.T, o doctor.CommandOptions, args ...string) (doctor.Report, error) {
	t.Helper()
	var out bytes.Buffer
	o.Out, o.In = &out, strings.NewReader("")
	if o.Now == nil {
		o.Now = time.Now
	}
	cmd := doctor.Command(o)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"-o", "json", "--timeout", "30s"}, args...)) // how fast this machine is, is no finding
	err := cmd.ExecuteContext(t.Context())
	var r doctor.Report
	if out.Len() > 0 {
		must(t, json.Unmarshal(out.Bytes(), &r))
	}
	if strings.Contains(out.String(), text) || strings.Contains(out.String(), callSecret) {
		t.Error("the report shows a secret")
	}
	return r, err
}

// codes are the findings that are not well. How long a Check took says
// something about the machine only.
func codes(r doctor.Report) []string {
	var all []string
	for _, f := range r.Findings {
		if f.Level != doctor.OK && f.Code != "slow" {
			all = append(all, f.Code)
		}
	}
	return all
}

// hold accepts connections, hands each to speak, and closes it.
func hold(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			speak(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// other is an authorization service of somebody else.
type other struct {
	authv3.UnimplementedAuthorizationServer
}

func (other) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{}, nil
}

func serveGRPC(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	s := grpc.NewServer()
	register(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); must(t, <-done) })
	return l.Addr().String()
}

func serveHTTP(t *testing.T, secured bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if secured {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestEachMistakeIsNamed with what to do about it; what is right is not
// complained of. Every server is a real one.
func TestEachMistakeIsNamed(t *testing.T) {
	now := time.Now()
	signs, stranger := authority.New(t, now), authority.New(t, now)
	issue := func(from, until time.Duration) authority.Issued {
		return signs.Issue(t, authority.Request{DNS: []string{"localhost"}, NotBefore: now.Add(from), NotAfter: now.Add(until), Usage: x509.ExtKeyUsageServerAuth})
	}
	good := signs.Server(t, now, "credence.example.com")
	clientCert, clientKey := signs.Client(t, now, "probe").Files(t, t.TempDir(), "client")
	strangerCert, strangerKey := stranger.Client(t, now, "probe").Files(t, t.TempDir(), "stranger")
	trust, show := []string{"--tls-ca", signs.File}, []string{"--tls-cert", clientCert, "--tls-key", clientKey}
	keyFile, wrongKey := write(t, "key", text+"\n"), write(t, "wrong", strings.Replace(text, "0", "1", 1)+"\n")
	secretFile := write(t, "call.secret", callSecret+"\n")
	wrongSecret := write(t, "call.wrong", "wrong-"+callSecret+"\n")
	guard := []credential.Text{credential.NewText(callSecret)}

	plain := serve(t, extauthz.Options{})
	secured := serve(t, extauthz.Options{Transport: secure(t, good, "")})
	mutual := serve(t, extauthz.Options{Transport: secure(t, good, signs.File)})
	guarded := serve(t, extauthz.Options{CallSecrets: guard})
	starting := serve(t, extauthz.Options{Ready: make(chan struct{})})
	lost := serve(t, extauthz.Options{Pipeline: decideFunc(func(_ *pipeline.Request, d *pipeline.Decision) {
		d.Reason, d.Stage = pipeline.ReasonUnavailable, pipeline.StageVerify
	})})
	sourced := serve(t, extauthz.Options{Pipeline: decideFunc(func(r *pipeline.Request, d *pipeline.Decision) {
		if d.Reason, d.Stage = pipeline.ReasonMissingKey, pipeline.StageExtract; len(r.Header("x-client-ip")) == 0 {
			d.Reason, d.Stage = pipeline.ReasonBadClientAddress, pipeline.StageClient
		}
	})})
	oldTLS := httptest.NewUnstartedServer(http.NotFoundHandler()) // TLS without HTTP/2
	oldTLS.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	pair, err := tls.X509KeyPair(good.Certificate, good.Key)
	must(t, err)
	oldTLS.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	oldTLS.StartTLS()
	t.Cleanup(oldTLS.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())

	for name, c := range map[string]struct {
		target string
		flags  [][]string
		want   string // the code; "" is no problem and no note
		note   bool
	}{
		"plaintext":             {plain, nil, "", false},
		"with a key":            {plain, [][]string{{"--key-file", keyFile}}, "", false},
		"TLS":                   {secured, [][]string{trust, {"--key-file", keyFile}}, "", false},
		"TLS by name":           {secured, [][]string{trust, {"--tls-server-name", "credence.example.com"}}, "", false},
		"mutual":                {mutual, [][]string{trust, show}, "", false},
		"call secret":           {guarded, [][]string{{"--call-secret-file", secretFile}}, "", false},
		"client header":         {sourced, [][]string{{"--header", "x-client-ip: 192.0.2.1"}}, "", false},
		"unknown key":           {plain, [][]string{{"--key-file", wrongKey}}, "key_refused", false},
		"key elsewhere":         {plain, [][]string{{"--key-file", keyFile, "--key-header", "x-other"}}, "key_refused", false},
		"HTTP/1 server":         {serveHTTP(t, false), nil, "http1_server", false},
		"HTTP/1, TLS to it":     {serveHTTP(t, false), [][]string{trust}, "http1_server", false},
		"HTTPS server, plain":   {serveHTTP(t, true), nil, "tls_wanted", false},
		"TLS without HTTP/2":    {oldTLS.Listener.Addr().String(), [][]string{trust}, "no_http2_over_tls", false},
		"TLS to plaintext":      {plain, [][]string{trust}, "plaintext_server", false},
		"plaintext to TLS":      {secured, nil, "tls_wanted", false},
		"plaintext to mutual":   {mutual, nil, "tls_wanted", false},
		"untrusted":             {secured, [][]string{{"--tls-ca", stranger.File}}, "certificate_untrusted", false},
		"the system's":          {secured, [][]string{{"--tls"}}, "certificate_untrusted", false},
		"wrong name":            {secured, [][]string{trust, {"--tls-server-name", "other.example.com"}}, "certificate_wrong_name", false},
		"expired":               {serve(t, extauthz.Options{Transport: secure(t, issue(-2*time.Hour, -time.Hour), "")}), [][]string{trust}, "certificate_expired", false},
		"not yet":               {serve(t, extauthz.Options{Transport: secure(t, issue(time.Hour, 2*time.Hour), "")}), [][]string{trust}, "certificate_not_yet_valid", false},
		"no client certificate": {mutual, [][]string{trust}, "client_certificate_wanted", false},
		"of another authority":  {mutual, [][]string{trust, {"--tls-cert", strangerCert, "--tls-key", strangerKey}}, "client_certificate_refused", false},
		"not serving":           {starting, nil, "not_serving", false},
		"no database":           {lost, nil, "check_unavailable", false},
		"no secret":             {guarded, nil, "call_secret", false},
		"wrong secret":          {guarded, [][]string{{"--call-secret-file", wrongSecret}}, "call_secret", false},
		"no client header":      {sourced, nil, "check_bad_client_address", true},
		"another gRPC server":   {serveGRPC(t, func(*grpc.Server) {}), nil, "no_health_service not_ext_authz", false},
		"another authorization": {serveGRPC(t, func(s *grpc.Server) { authv3.RegisterAuthorizationServer(s, other{}) }), nil, "no_health_service other_server", false},
		"something else":        {hold(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example.com ready\r\n") }), nil, "not_http2", false},
		"hangs up":              {hold(t, func(net.Conn) {}), nil, "silent", false},
		"nobody listens":        {closed.Addr().String(), nil, "connection_refused", false},
		"no socket":             {"unix:" + filepath.Join(t.TempDir(), "none"), nil, "no_socket", false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := run(t, doctor.CommandOptions{}, append([]string{"--target", c.target}, slices.Concat(c.flags...)...)...)
			if got := strings.Join(codes(r), " "); got != c.want {
				t.Errorf("found %q, want %q: %+v", got, c.want, r.Findings)
			}
			healthy := c.want == "" || c.note
			if r.Healthy != healthy || errors.Is(err, doctor.ErrProblems) == healthy {
				t.Errorf("healthy %t, %v", r.Healthy, err)
			}
			for _, f := range r.Findings {
				if f.Level == doctor.Problem && (f.Observed == "" || f.Why == "" || f.Remedy == "") {
					t.Errorf("not explained: %+v", f)
				}
			}
		})
	}
}

// TestSilentServerIsGivenUpOn at the end of the time, at each step of its own.
func TestSilentServerIsGivenUpOn(t *testing.T) {
	ended := make(chan struct{})
	silent := hold(t, func(net.Conn) { <-ended })
	t.Cleanup(func() { close(ended) })
	r, err := run(t, doctor.CommandOptions{}, "--target", silent, "--timeout", "50ms")
	if got := codes(r); !errors.Is(err, doctor.ErrProblems) || !slices.Equal(got, []string{"silent"}) {
		t.Errorf("found %v, %v", got, err)
	}
}

// TestSlowCheckIsWorthKnowing: Envoy would not have waited.
func TestSlowCheckIsWorthKnowing(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { now = now.Add(time.Second); return now }
	r, err := run(t, doctor.CommandOptions{Now: clock}, "--target", serve(t, extauthz.Options{}))
	must(t, err)
	if last := r.Findings[len(r.Findings)-1]; last.Level != doctor.Note || last.Code != "slow" {
		t.Errorf("found %+v", last)
	}
}

// TestMistakesNameTheFlag and nothing is asked.
func TestMistakesNameTheFlag(t *testing.T) {
	for want, args := range map[string][]string{
		"--target":             {"--target", "credence"},
		"--status-addr":        {"--target", "127.0.0.1:1", "--status-addr", "9003"},
		"--ip":                 {"--target", "127.0.0.1:1", "--ip", "me"},
		"--header number 1":    {"--target", "127.0.0.1:1", "--header", text},
		"--timeout":            {"--target", "127.0.0.1:1", "--timeout", "0s"},
		"--key-header":         {"--target", "127.0.0.1:1", "--key-header", ""},
		"nothing was given":    {"--target", "127.0.0.1:1", "--key-file", "-"},
		"--insecure-plaintext": {"--target", "192.0.2.1:9001", "--key-file", write(t, "key", text)},
		"none expected":        {text},
		"unknown flag":         {"--addr", "x"},
		"--tls=false":          {"--target", "127.0.0.1:1", "--tls=false", "--tls-ca", "ca.pem"},
	} {
		r, err := run(t, doctor.CommandOptions{}, args...)
		if !errors.Is(err, probe.ErrUsage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text) || len(r.Findings) > 0 {
			t.Errorf("%s: %v, %+v", want, err, r)
		}
	}
}

// TestTableTellsWhatToDo in words, with the lines for Envoy.
func TestTableTellsWhatToDo(t *testing.T) {
	signs := authority.New(t, time.Now())
	var out bytes.Buffer
	cmd := doctor.Command(doctor.CommandOptions{Out: &out, Now: time.Now, TLS: certfile.ClientOptions{}})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{"--target", serve(t, extauthz.Options{Transport: secure(t, signs.Server(t, time.Now()), "")})})
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, doctor.ErrProblems) {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"STEP", "connect", "problem tls_wanted at 127.0.0.1:", "Why it matters:", "What to do:", "    transport_socket:", "1 problem found."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
