package doctor_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/doctor"
	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
	"credence/store"
	"credence/store/credential"
	"credence/test/authority"
)

// status serves a real status port over the registry.
func status(t *testing.T, registry *prometheus.Registry, parts ...extauthz.Part) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	if len(parts) == 0 {
		parts = []extauthz.Part{{Name: "check_server", Check: func() error { return nil }}}
	}
	go func() { done <- extauthz.ServeStatus(ctx, l, extauthz.StatusHandler(registry, parts...)) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	return l.Addr().String()
}

// replica runs a Check server with a status port.
func replica(t *testing.T, o extauthz.Options) (check, statusAt string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	check = serve(t, o)
	return check, status(t, registry)
}

// checks makes Checks as an Envoy would.
func checks(t *testing.T, n int, target probe.Target, key string) {
	t.Helper()
	for range n {
		_, err := probe.Check(t.Context(), target, probe.Request{Key: credential.NewText(key), KeyHeader: "x-api-key"}, time.Now)
		if err != nil && !errors.Is(err, probe.ErrUnanswered) {
			t.Fatal(err)
		}
	}
}

// awaitMetric waits until the replica counts so: with TLS 1.3 a client refuses
// after its handshake is done, and the server learns of it a little later.
func awaitMetric(t *testing.T, statusAt, line string) {
	t.Helper()
	for tries := range 1000 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+statusAt+"/metrics", nil)
		must(t, err)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		if strings.Contains(string(body), "\n"+line+"\n") {
			return
		}
		if tries == 999 {
			t.Fatalf("never counted %q:\n%s", line, body)
		}
	}
}

// TestChecksSoFarTellWhatIsInFrontOfTheServer: the doctor's own are not yet
// among them.
func TestChecksSoFarTellWhatIsInFrontOfTheServer(t *testing.T) {
	signs := authority.New(t, time.Now())
	guard := []credential.Text{credential.NewText(callSecret)}
	secret := []string{"--call-secret-file", write(t, "call.secret", callSecret)}
	trust := []string{"--tls-ca", signs.File}
	refuse := func(r pipeline.Reason) decideFunc {
		return func(_ *pipeline.Request, d *pipeline.Decision) { d.Reason, d.Stage = r, pipeline.StageClient }
	}
	for name, c := range map[string]struct {
		options  extauthz.Options
		keyless  int // Checks before, without a key
		keyed    int // and with one
		distrust bool
		first    string // what a foreign client says
		flags    []string
		want     []string
	}{
		"nothing came":       {want: []string{"no_checks"}},
		"all is well":        {keyed: 9},
		"no credential ever": {keyless: 5, want: []string{"no_credential"}},
		"too few to say":     {keyless: 4},
		"one had a key":      {keyless: 9, keyed: 1},
		"no client address": {
			options: extauthz.Options{Pipeline: refuse(pipeline.ReasonBadClientAddress)}, keyed: 5,
			want: []string{"all_bad_client_address", "check_bad_client_address"},
		},
		"foreign secrets": {
			options: extauthz.Options{Pipeline: refuse(pipeline.ReasonMalformedKey)}, keyed: 5,
			want: []string{"all_malformed_key", "check_malformed_key"},
		},
		"callers without the secret": {
			options: extauthz.Options{CallSecrets: guard}, keyed: 1, flags: secret,
			want: []string{"no_checks", "calls_without_secret"},
		},
		"callers without TLS": {
			options: extauthz.Options{Transport: secure(t, signs.Server(t, time.Now()), "")}, keyed: 1, flags: trust,
			want: []string{"no_checks", "tls_refused_clients"},
		},
		"callers without HTTP/2":               {first: "POST /check HTTP/1.1\r\nHost: credence\r\n\r\n", want: []string{"no_checks", "http1_to_grpc"}},
		"callers with TLS where there is none": {first: "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", want: []string{"no_checks", "http1_to_grpc"}},
		"callers that do not trust it": {
			options: extauthz.Options{Transport: secure(t, signs.Server(t, time.Now()), "")}, distrust: true, flags: trust,
			want: []string{"no_checks", "tls_refused_clients"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			check, at := replica(t, c.options)
			checks(t, c.keyless, probe.Target{Address: check}, "")
			checks(t, c.keyed, probe.Target{Address: check}, text)
			if c.distrust {
				checks(t, 1, probe.Target{Address: check, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, "")
				awaitMetric(t, at, "credence_check_tls_refused_total 1")
			}
			if c.first != "" {
				conn, err := net.Dial("tcp", check)
				must(t, err)
				_, err = conn.Write([]byte(c.first))
				must(t, err)
				_, _ = io.Copy(io.Discard, conn) // until it hangs up
				must(t, conn.Close())
			}
			args := append([]string{"--target", check, "--status-addr", at}, c.flags...)
			r, err := run(t, doctor.CommandOptions{}, args...)
			if got := codes(r); !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v: %+v", got, c.want, r.Findings)
			}
			if r.Healthy != (err == nil) || err != nil && !errors.Is(err, doctor.ErrProblems) {
				t.Errorf("healthy %t, %v", r.Healthy, err)
			}
		})
	}
}

// TestClocksThatDisagreeAreFound, whichever is wrong, and those that may agree
// are not complained of.
func TestClocksThatDisagreeAreFound(t *testing.T) {
	check, at := replica(t, extauthz.Options{})
	for off, want := range map[time.Duration]string{
		0: "", time.Second: "", -time.Second: "", 5 * time.Minute: "behind", -5 * time.Minute: "ahead of",
	} {
		r, _ := run(t, doctor.CommandOptions{Now: func() time.Time { return time.Now().Add(off) }}, "--target", check, "--status-addr", at)
		found := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == "clock_skew" })
		switch {
		case (found >= 0) != (want != ""):
			t.Errorf("%s: %+v", off, r.Findings)
		case found >= 0 && !strings.Contains(r.Findings[found].Observed, want):
			t.Errorf("%s: %s", off, r.Findings[found].Observed)
		}
	}
}

// TestStatusPortTellsWhatIsWaitedFor, and what is none is named.
func TestStatusPortTellsWhatIsWaitedFor(t *testing.T) {
	check := serve(t, extauthz.Options{})
	draining := status(t, prometheus.NewRegistry(), extauthz.Part{Name: "check_server", Check: func() error { return errors.New("waiting for the first snapshot") }})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	for name, c := range map[string]struct {
		at, observed string
		want         []string
	}{
		"waits":     {draining, "waiting for the first snapshot", []string{"not_ready", "no_data_plane"}},
		"no status": {serveHTTP(t, false), "HTTP 404", []string{"not_a_status_port", "no_metrics"}},
		"nobody":    {closed.Addr().String(), "refused", []string{"status_unreachable"}},
	} {
		r, err := run(t, doctor.CommandOptions{}, "--target", check, "--status-addr", c.at)
		if got := codes(r); !errors.Is(err, doctor.ErrProblems) || !slices.Equal(got, c.want) || !strings.Contains(r.Findings[0].Observed, c.observed) {
			t.Errorf("%s: found %v, %v: %+v", name, got, err, r.Findings)
		}
	}
}

// feedOf is a replica that has applied the revision and read the feed then.
func feedOf(revision store.Revision, read time.Time) extauthz.Sources {
	return extauthz.Sources{
		Applied:  func() store.Position { return store.Position{Revision: revision} },
		LastRead: func() time.Time { return read },
		More:     []extauthz.Source{{Name: "credence_ceiling_seconds", Help: "Ceiling.", Value: time.Hour.Seconds}},
	}
}

// TestReplicasThatFallBehindAreNamed: by revision and by silence.
func TestReplicasThatFallBehindAreNamed(t *testing.T) {
	check, ahead := replica(t, extauthz.Options{Sources: feedOf(12, time.Now())})
	_, behind := replica(t, extauthz.Options{Sources: feedOf(7, time.Now())})
	_, silent := replica(t, extauthz.Options{Sources: feedOf(12, time.Now().Add(-10*time.Minute))})
	_, stopped := replica(t, extauthz.Options{Sources: feedOf(12, time.Now().Add(-2*time.Hour))})
	r, err := run(t, doctor.CommandOptions{}, "--target", check, "--timeout", "3s",
		"--status-addr", ahead, "--status-addr", behind, "--status-addr", silent, "--status-addr", stopped)
	var got []string
	for _, f := range r.Findings {
		if f.Level == doctor.Problem {
			got = append(got, f.Address+" "+f.Code)
		}
	}
	want := []string{silent + " feed_silent", stopped + " ceiling_reached", behind + " revision_lags"}
	if !errors.Is(err, doctor.ErrProblems) || !slices.Equal(got, want) {
		t.Errorf("found %q, want %q, %v", got, want, err)
	}
}

// TestReplicaThatCatchesUpIsWell: they are not asked at the same moment.
func TestReplicaThatCatchesUpIsWell(t *testing.T) {
	asked := store.Revision(0)
	late := feedOf(0, time.Now())
	late.Applied = func() store.Position { asked++; return store.Position{Revision: 10 + min(asked, 2)} }
	check, ahead := replica(t, extauthz.Options{Sources: feedOf(12, time.Now())})
	_, behind := replica(t, extauthz.Options{Sources: late})
	r, err := run(t, doctor.CommandOptions{}, "--target", check, "--status-addr", ahead, "--status-addr", behind)
	if err != nil || !r.Healthy {
		t.Errorf("%v: %+v", err, r.Findings)
	}
}

// FuzzForeignStatusPort: whatever a status port says, the report is made.
func FuzzForeignStatusPort(f *testing.F) {
	f.Add("credence_checks_total{decision=\"deny\",reason=\"missing_key\"} 12\ncredence_checks_in_flight 0\n")
	f.Add("credence_checks_total{reason=\"} x\ncredence_feed_age_seconds NaN\ncredence_checks_in_flight")
	f.Add("{\"ready\":false,\"parts\":{\"a\":\"\x1b[2J\"}}")
	f.Fuzz(func(t *testing.T, body string) {
		s := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(body))
		})}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		defer func() {
			must(t, s.Close())
			if err := <-done; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		}()
		r := doctor.Examine(t.Context(), doctor.Options{
			Target: probe.Target{Address: "unix:/none"}, Statuses: []string{l.Addr().String()}, Timeout: 5 * time.Second, Now: time.Now,
		})
		for _, one := range r.Findings {
			if strings.ContainsRune(one.Observed, '\x1b') || len(one.Observed) > 500 {
				t.Errorf("observed %q", one.Observed)
			}
		}
	})
}
