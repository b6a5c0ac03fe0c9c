package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

func TestEveryAnswerCarriesTheSecurityHeadersAndNoCORS(t *testing.T) {
	d := deploy(t)
	for _, a := range []answered{
		d.send(t, "GET", "/v1/keys", "", "Origin", "https://evil.example"),
		d.send(t, "GET", "/v1/keys", "", "Authorization", ""),
		d.send(t, "GET", "/nothing", ""),
		d.send(t, "GET", "/healthz", ""),
		d.send(t, "GET", "/openapi.json", ""),
	} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Error("no request id")
		}
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("CORS header %s", name)
			}
		}
	}
}

func TestHostsAreLoopbackAndTheConfiguredOnes(t *testing.T) {
	d := deploy(t)
	for host, want := range map[string]int{
		"localhost": 200, "localhost:1234": 200, "127.0.0.1": 200, "127.9.9.9:80": 200, "[::1]:8080": 200,
		"credence.example.com": 200, "CREDENCE.example.com.:443": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421, "[::2]:80": 421,
	} {
		if got := d.send(t, "GET", "/healthz", "", "Host", host).status; got != want {
			t.Errorf("Host %s: %d, want %d", host, got, want)
		}
	}
}

func TestTwoAuthorizationHeadersAreNone(t *testing.T) {
	d := deploy(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/v1/keys", nil)
	must(t, err)
	req.Header["Authorization"] = []string{"Bearer " + d.admin.Reveal(), "Bearer " + d.admin.Reveal()}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, req)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("two Authorization headers: %d, want 401", w.Code)
	}
}

func TestAMergePatchMayBeSentAsWhatItIsOrAsJSON(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	made, err := c.PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
	must(t, err)
	tag := made.ETag()
	for _, kind := range []string{"application/json", "Application/JSON", "application/merge-patch+json", "application/json; charset=UTF-8"} {
		a := d.send(t, "PATCH", "/v1/plans/basic", `{"description":"`+kind+`"}`, "If-Match", tag, "Content-Type", kind)
		if a.status != http.StatusOK || a.header.Get("ETag") == "" || a.header.Get("ETag") == tag {
			t.Fatalf("%s: %d %s with ETag %s", kind, a.status, a.body, a.header.Get("ETag"))
		}
		tag = a.header.Get("ETag")
	}
	if got := d.send(t, "GET", "/v1/plans/basic", "").header.Get("ETag"); got != tag {
		t.Errorf("ETag read is %s, written %s", got, tag)
	}
}

func TestReadinessFollowsTheProcess(t *testing.T) {
	d := deploy(t)
	if got := d.send(t, "GET", "/readyz", "", "Authorization", ""); got.status != http.StatusOK {
		t.Errorf("ready: %d", got.status)
	}
	cause := errors.New("disk on fire at /secret/place")
	d.ready.Store(&cause)
	if got := d.send(t, "GET", "/readyz", "", "Authorization", ""); got.status != http.StatusOK {
		t.Errorf("the answer does not hold for a second, so whoever asks has the database asked: %d", got.status)
	}
	d.clock.advance(time.Second)
	a := d.send(t, "GET", "/readyz", "", "Authorization", "")
	wantProblem(t, a, http.StatusServiceUnavailable, "unavailable", "")
	if a.header.Get("Retry-After") == "" || strings.Contains(a.body, "secret") {
		t.Errorf("not ready: %v %s", a.header, a.body)
	}
	if !strings.Contains(d.log.String(), "disk on fire") {
		t.Error("the log does not say why")
	}
	if got := d.send(t, "GET", "/healthz", "", "Authorization", ""); got.status != http.StatusOK {
		t.Errorf("healthy though not ready: %d", got.status)
	}
}

// authenticator answers what the test wants.
type authenticator func(ctx context.Context) (management.Actor, error)

func (a authenticator) TokenAuthenticate(ctx context.Context, _ []byte) (management.Actor, error) {
	return a(ctx)
}

func TestAPanicIsOneFailedRequest(t *testing.T) {
	d := deploy(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) { panic("boom") })
	})
	wantProblem(t, d.send(t, "GET", "/v1/keys", ""), http.StatusInternalServerError, "internal", "")
	if got := d.send(t, "GET", "/healthz", ""); got.status != http.StatusOK {
		t.Errorf("after a panic: %d", got.status)
	}
	if !strings.Contains(d.log.String(), "management request panicked") {
		t.Error("the panic is not in the log")
	}
}

func TestAStoreThatCannotAnswerIsUnavailableAndNotUnauthorized(t *testing.T) {
	d := deploy(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			return management.Actor{}, &management.Error{Code: management.CodeUnavailable, Message: "the store cannot answer now"}
		})
	})
	a := d.send(t, "GET", "/v1/keys", "")
	wantProblem(t, a, http.StatusServiceUnavailable, "unavailable", "")
	if a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestARequestThatTakesTooLongIsCutOff(t *testing.T) {
	d := deploy(t, func(o *api.Options) {
		o.Timeout = time.Millisecond
		o.Authenticator = authenticator(func(ctx context.Context) (management.Actor, error) {
			<-ctx.Done()
			return management.Actor{}, ctx.Err()
		})
	})
	wantProblem(t, d.send(t, "GET", "/v1/keys", ""), http.StatusServiceUnavailable, "unavailable", "")
}

func TestTooManyRequestsAtOnceAreTurnedAway(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	d := deploy(t, func(o *api.Options) {
		o.InFlight = 1
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			close(entered)
			<-leave
			return management.Actor{ID: "token:tok_x", Role: store.RoleViewer}, nil
		})
	})
	first := make(chan int)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/v1/me", nil)
		req.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, req)
		first <- w.Code
	}()
	<-entered
	refused, alive := d.send(t, "GET", "/readyz", ""), d.send(t, "GET", "/healthz", "")
	close(leave)
	wantProblem(t, refused, http.StatusServiceUnavailable, "unavailable", "")
	if alive.status != http.StatusOK {
		t.Errorf("a busy process does not say that it lives: %d", alive.status)
	}
	if code := <-first; code != http.StatusOK {
		t.Errorf("the request that was in: %d", code)
	}
	if got := d.send(t, "GET", "/readyz", ""); got.status != http.StatusOK {
		t.Errorf("afterwards: %d", got.status)
	}
}

func TestMetricsCountByOperationAndStatusClass(t *testing.T) {
	d := deploy(t)
	d.send(t, "GET", "/v1/keys", "")
	d.send(t, "GET", "/v1/keys", "", "Authorization", "")
	d.send(t, "GET", "/nothing/one", "")
	d.send(t, "GET", "/nothing/two", "")
	families, err := d.metrics.Gather()
	must(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var line strings.Builder
			line.WriteString(strings.TrimPrefix(family.GetName(), "credence_management_"))
			for _, label := range m.GetLabel() {
				line.WriteString(" " + label.GetValue())
			}
			if m.GetCounter() != nil {
				got[line.String()] = m.GetCounter().GetValue()
			} else {
				got[line.String()] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	want := map[string]float64{
		"denied_total unauthorized KeyList": 1,
		"requests_total KeyList 2xx":        1,
		"requests_total KeyList 4xx":        1,
		"requests_total none 4xx":           2,
		"request_duration_seconds KeyList":  2,
		"request_duration_seconds none":     2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewNamesTheMissingOption(t *testing.T) {
	_, err := api.New(api.Options{})
	if err == nil || !strings.Contains(err.Error(), "Service") {
		t.Errorf("error is %v", err)
	}
}

func TestServeLetsRunningRequestsFinish(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		w.WriteHeader(http.StatusTeapot)
	})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- api.Serve(ctx, listener, handler, time.Minute, slog.New(slog.DiscardHandler)) }()
	status := make(chan int)
	go func() {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		res, err := transport.RoundTrip(req)
		if err != nil {
			status <- 0
			return
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		status <- res.StatusCode
	}()
	<-entered
	stop()
	close(leave)
	if got := <-status; got != http.StatusTeapot {
		t.Errorf("running request ended with %d", got)
	}
	must(t, <-served)
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		t.Error("the listener still takes connections")
	}
}

// slowBody is a body of which nothing comes before leave is closed.
type slowBody struct{ entered, leave chan struct{} }

func (b slowBody) Read([]byte) (int, error) {
	b.entered <- struct{}{}
	<-b.leave
	return 0, io.EOF
}

func TestOneTenantCannotTakeAllTurns(t *testing.T) {
	d := deploy(t, func(o *api.Options) { o.InFlight = 16 })
	slow := d.token(t, store.RoleOperator, "default")
	body := slowBody{make(chan struct{}), make(chan struct{})}
	codes := make(chan int)
	for range 2 { // an eighth
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/keys", body)
			req.Header.Set("Authorization", "Bearer "+slow.Reveal())
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, req)
			codes <- w.Code
		}()
	}
	<-body.entered
	<-body.entered
	own := []string{"Authorization", "Bearer " + slow.Reveal()}
	wantProblem(t, d.send(t, "GET", "/v1/me", "", own...), http.StatusServiceUnavailable, "unavailable", "")
	if a := d.send(t, "GET", "/v1/me", ""); a.status != http.StatusOK {
		t.Errorf("a global token: %d", a.status)
	}
	close(body.leave)
	for range 2 {
		if code := <-codes; code != http.StatusUnsupportedMediaType {
			t.Errorf("nothing, of no type: %d", code)
		}
	}
	if a := d.send(t, "GET", "/v1/me", "", own...); a.status != http.StatusOK {
		t.Errorf("afterwards: %d", a.status)
	}
}
