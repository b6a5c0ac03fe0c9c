package remote_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/management/outgoing"
	"credence/management/remote"
	"credence/store/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cr3t-of-the-target"

// rig is a client whose clock, pace and waits belong to the test.
type rig struct {
	*remote.Client

	t     *testing.T
	mu    sync.Mutex
	now   time.Time
	taken int
	waits []time.Duration
}

func (r *rig) Take() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken++
	return r.now
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func newRig(t *testing.T, change ...func(*remote.Options)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	o := remote.Options{
		Outgoing: outgoing.Options{Allow: outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Now:      r.clock, Rate: 5, Version: "test",
		Pace: func(int) remote.Pacer { return r },
		Wait: func(_ context.Context, d time.Duration) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.waits = append(r.waits, d)
			return nil
		},
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.Client, err = remote.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func (r *rig) get(at string) (remote.Answer, error) {
	r.t.Helper()
	return r.Do(r.t.Context(), target(at), remote.Request{Method: http.MethodGet, Path: []string{"a"}})
}

func target(at string) *remote.Target {
	return &remote.Target{ID: at, Version: 1, URL: at, Secret: credential.NewText(secret)}
}

func site(t *testing.T, handler http.HandlerFunc) (at string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func answering(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func wantKind(t *testing.T, err error, kind remote.Kind, says string) *remote.Error {
	t.Helper()
	e, ok := errors.AsType[*remote.Error](err)
	if !ok || e.Kind != kind || !strings.Contains(e.Message, says) {
		t.Fatalf("got %v, want %s that says %q", err, kind, says)
	}
	return e
}

func TestAnAnswerIsJudgedByItsTypeBeforeAnythingIsReadOutOfIt(t *testing.T) {
	r := newRig(t)
	for title, c := range map[string]struct {
		contentType, body string
		form              remote.Form
		decodes           bool
	}{
		"json":               {"application/json; charset=utf-8", `{"a": 1}`, remote.JSON, true},
		"problem":            {"application/problem+json", `{"a": 1}`, remote.JSON, true},
		"page":               {"text/html; charset=utf-8", `{"a": 1}`, remote.HTML, false},
		"text":               {"text/plain", "404 page not found", remote.Text, false},
		"nothing":            {"application/json", " ", remote.Empty, false},
		"picture":            {"image/png", "x", remote.Other, false},
		"no type":            {"", "x", remote.Other, false},
		"json that is none":  {"application/json", `{"a": `, remote.JSON, false},
		"another shape":      {"application/json", `["a"]`, remote.JSON, false},
		"more than one json": {"application/json", `{"a": 1} {}`, remote.JSON, false},
	} {
		t.Run(title, func(t *testing.T) {
			at, _ := site(t, answering(http.StatusOK, c.contentType, c.body))
			a, err := r.get(at)
			if err != nil || a.Form != c.form {
				t.Fatalf("form %q, %v; want %q", a.Form, err, c.form)
			}
			var v struct{ A int }
			switch err := a.Decode(&v); {
			case c.decodes && (err != nil || v.A != 1):
				t.Errorf("decoded %+v, %v", v, err)
			case !c.decodes:
				_ = wantKind(t, err, remote.UnexpectedAnswer, "answered 200")
			}
		})
	}
}

func TestARedirectIsReportedWithItsAimAndNotFollowed(t *testing.T) {
	aim, reached := site(t, answering(http.StatusOK, "application/json", "{}"))
	at, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(aim, "http://", "http://user:"+secret+"@", 1)+"/there?token="+secret, http.StatusMovedPermanently)
	})
	_, err := newRig(t).get(at)
	e := wantKind(t, err, remote.Redirected, aim+"/there")
	if strings.Contains(err.Error(), secret) || e.Uncertain || reached.Load() != 0 {
		t.Errorf("%v, uncertain %v, %d calls", err, e.Uncertain, reached.Load())
	}
	at, _ = site(t, answering(http.StatusFound, "text/html", "moved"))
	_, err = newRig(t).get(at)
	_ = wantKind(t, err, remote.Redirected, "302")
}

func TestWhatMakesNothingIsTriedAgainAndWhatMakesSomethingIsNot(t *testing.T) {
	busy := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for method, want := range map[string]int64{http.MethodGet: 3, http.MethodDelete: 3, http.MethodPost: 1, http.MethodPatch: 1, http.MethodPut: 1} {
		r := newRig(t)
		at, calls := site(t, busy)
		a, err := r.Do(t.Context(), target(at), remote.Request{Method: method})
		if err != nil || a.Status != http.StatusServiceUnavailable || calls.Load() != want || r.taken != int(want) {
			t.Errorf("%s: %d, %v after %d calls at %d paces, want %d", method, a.Status, err, calls.Load(), r.taken, want)
		}
		if want > 1 && !slices.Equal(r.waits, []time.Duration{5 * time.Second, 5 * time.Second}) {
			t.Errorf("%s: waited %v; Retry-After is not capped", method, r.waits)
		}
	}
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusInternalServerError} {
		at, calls := site(t, answering(status, "text/plain", "no"))
		if _, err := newRig(t).get(at); err != nil || calls.Load() != 1 {
			t.Errorf("%d: %d calls, %v", status, calls.Load(), err)
		}
	}
	r := newRig(t)
	var n atomic.Int64
	at, calls := site(t, func(w http.ResponseWriter, q *http.Request) {
		if n.Add(1) < 3 {
			answering(http.StatusTooManyRequests, "text/html", "slow down")(w, q)
			return
		}
		answering(http.StatusOK, "application/json", "{}")(w, q)
	})
	if a, err := r.get(at); err != nil || !a.OK() || calls.Load() != 3 || !slices.Equal(r.waits, []time.Duration{500 * time.Millisecond, time.Second}) {
		t.Errorf("%d, %v after %d calls and %v", a.Status, err, calls.Load(), r.waits)
	}
}

func TestAnErrorSaysWhetherTheRequestMayHaveBeenCarriedOut(t *testing.T) {
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	at, _ := site(t, cut)
	gone, _ := site(t, cut)
	for title, c := range map[string]struct {
		method, url string
		uncertain   bool
	}{
		"made, and the line broke":      {http.MethodPost, at, true},
		"read, and the line broke":      {http.MethodGet, at, false},
		"made where nobody listens":     {http.MethodPost, "http://127.0.0.1:1025", false},
		"made where no host is":         {http.MethodPost, "http://no-such-host.invalid", false},
		"read, and the line broke also": {http.MethodDelete, gone, false},
	} {
		_, err := newRig(t).Do(t.Context(), target(c.url), remote.Request{Method: c.method})
		if e := wantKind(t, err, remote.Unavailable, ""); e.Uncertain != c.uncertain {
			t.Errorf("%s: uncertain %v", title, e.Uncertain)
		}
	}
	_, err := newRig(t).get("http://10.0.0.1")
	_ = wantKind(t, err, remote.AddressRefused, "private")
}

func TestASlowAndAHugeAnswerEnd(t *testing.T) {
	hang := make(chan struct{})
	at, _ := site(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	r := newRig(t, func(o *remote.Options) { o.Timeout = 20 * time.Millisecond })
	_, err := r.Do(t.Context(), target(at), remote.Request{Method: http.MethodPost})
	if e := wantKind(t, err, remote.Unavailable, "no answer in time"); !e.Uncertain {
		t.Error("what was sent may have been carried out")
	}
	at, _ = site(t, answering(http.StatusOK, "application/json", `"`+strings.Repeat("a", 2<<20)+`"`))
	_, err = newRig(t).get(at)
	_ = wantKind(t, err, remote.UnexpectedAnswer, "too large")
	at, _ = site(t, answering(http.StatusBadRequest, "text/plain", strings.Repeat("a", 512<<10)))
	a, err := newRig(t).get(at)
	if err != nil || len(a.Body) != 64<<10 || len(a.Words()) != 200 {
		t.Errorf("%d bytes, %d words, %v", len(a.Body), len(a.Words()), err)
	}
}

func TestATargetThatDoesNotAnswerIsLeftAloneForAMinute(t *testing.T) {
	r := newRig(t)
	at, calls := site(t, answering(http.StatusBadGateway, "text/html", "bad"))
	post := func(to *remote.Target) error {
		_, err := r.Do(t.Context(), to, remote.Request{Method: http.MethodPost})
		return err
	}
	for range 3 {
		if err := post(target(at)); err != nil {
			t.Fatal(err)
		}
	}
	_ = wantKind(t, post(target(at)), remote.Unavailable, "not called before 2026-05-04T12:01:00Z")
	if calls.Load() != 3 {
		t.Errorf("%d calls", calls.Load())
	}
	mended := target(at)
	mended.Version++ // somebody has changed the connection: it counts anew
	if err := post(mended); err != nil || calls.Load() != 4 {
		t.Errorf("%v, %d calls", err, calls.Load())
	}
	for range 2 {
		_ = post(mended)
	}
	r.advance(time.Minute)
	if err := post(mended); err != nil {
		t.Error(err)
	}
}

func TestNoErrorHoldsTheSecret(t *testing.T) {
	tg := target("http://127.0.0.1")
	if e := tg.Fail(remote.Forbidden, 403, "token "+secret+"\x1b[31m\n is "+strings.Repeat("bad ", 100)); strings.Contains(e.Error(), secret) ||
		len(e.Message) > 200 || strings.ContainsAny(e.Message, "\n\x1b") || !strings.HasPrefix(e.Message, "token [redacted] [31m is bad") {
		t.Errorf("%q", e.Message)
	}
}

func TestARequestIsItsOwnAndStaysBelowTheBaseURL(t *testing.T) {
	var got *http.Request
	var body string
	at, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		answering(http.StatusOK, "application/json", "{}")(w, r)
	})
	r := newRig(t)
	for range 2 {
		_, err := r.Do(t.Context(), target(at+"/git/"), remote.Request{
			Method: http.MethodPost, Path: []string{"api", "v1", "users", "a/../b?c"}, Query: url.Values{"limit": {"50"}},
			Header: http.Header{"X-Key": {"1"}}, Body: map[string]string{"name": "n"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got.URL.EscapedPath() != "/git/api/v1/users/a%2F..%2Fb%3Fc" || got.URL.RawQuery != "limit=50" || body != "{\"name\":\"n\"}\n" {
		t.Errorf("%s %s", got.URL, body)
	}
	h := got.Header
	if h.Get("Cookie") != "" || h.Get("X-Key") != "1" || h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "Credence/test" {
		t.Errorf("%v", h)
	}
	for _, name := range []string{"", ".", ".."} {
		_, err := r.Do(t.Context(), target(at), remote.Request{Method: http.MethodGet, Path: []string{"users", name}})
		_ = wantKind(t, err, remote.RequestInvalid, "path")
	}
}

func TestACertificateIsJudgedByTheAuthorityOfTheTarget(t *testing.T) {
	server := httptest.NewTLSServer(answering(http.StatusOK, "application/json", "{}"))
	defer server.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	plain, _ := site(t, answering(http.StatusOK, "application/json", "{}"))
	for title, c := range map[string]struct {
		url, ca, name string
		ok            bool
	}{
		"no authority":      {server.URL, "", "", false},
		"the authority":     {server.URL, authority, "", true},
		"its other name":    {server.URL, authority, "example.com", true},
		"another name":      {server.URL, authority, "example.org", false},
		"no certificate":    {server.URL, "-----BEGIN NOTHING-----", "", false},
		"no TLS over there": {strings.Replace(plain, "http://", "https://", 1), authority, "", false},
	} {
		t.Run(title, func(t *testing.T) {
			to := target(c.url)
			to.CA, to.ServerName = c.ca, c.name
			_, err := newRig(t).Do(t.Context(), to, remote.Request{Method: http.MethodGet})
			if c.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			_ = wantKind(t, err, remote.CertificateRejected, "")
		})
	}
}

func TestFewCallsToATargetAreMadeAtOnce(t *testing.T) {
	var in, most atomic.Int64
	entered, goOn := make(chan struct{}), make(chan struct{})
	at, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
		if n := in.Add(1); n > most.Load() {
			most.Store(n)
		}
		entered <- struct{}{}
		<-goOn
		in.Add(-1)
		answering(http.StatusOK, "application/json", "{}")(w, r)
	})
	r := newRig(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _ = r.get(at) })
	}
	for range 8 {
		<-entered
		goOn <- struct{}{}
	}
	wg.Wait()
	if most.Load() > 4 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestACallThatIsGivenUpIsNoFailureOfTheTarget(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at, _ := site(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := newRig(t).Do(ctx, target(at), remote.Request{Method: http.MethodGet}); !errors.Is(err, context.Canceled) || remote.KindOf(err) != "" {
		t.Error(err)
	}
}

func TestEveryKindHasItsRemedy(t *testing.T) {
	for _, k := range remote.Kinds() {
		if k.Remedy() == remote.Kind("").Remedy() {
			t.Errorf("%s has none", k)
		}
	}
}

func TestTurnsAreTakenOneAtATimeAndLeaveNothingBehind(t *testing.T) {
	var turns remote.Turns
	leave, err := turns.Take(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	other, err := turns.Take(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	other()
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(given, "alice"); !errors.Is(err, context.Canceled) {
		t.Errorf("two at once: %v", err)
	}
	got := make(chan struct{})
	go func() {
		defer close(got)
		if again, err := turns.Take(t.Context(), "alice"); err == nil {
			again()
		}
	}()
	leave()
	<-got
}
