package client_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"credence/management/client"
	"credence/store/certfile"
	"credence/store/credential"
	"credence/test/authority"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "crdadm_marker"

// serve answers every request with the handler and makes a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return dial(t, client.Options{Server: server.URL, Token: credential.NewText(token)})
}

func dial(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestTheTagsOfAnInputMakeTheRequest(t *testing.T) {
	var got []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body any
		_ = json.NewDecoder(r.Body).Decode(&body)
		got = []string{
			r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"), r.Header.Get("Content-Type"),
			r.Header.Get("Authorization"), fmt.Sprint(body),
		}
		fmt.Fprint(w, `{}`)
	})
	_, err := c.PlanUpdate(t.Context(), client.PlanUpdateInput{
		Name: "a/b c", Namespace: "x&y", IfMatch: `"3"`,
		Body: client.PlanUpdate{Description: client.Clear[string](), Quotas: client.Set([]client.Quota{})},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PATCH", "/v1/plans/a%2Fb%20c", "namespace=x%26y", `"3"`, "application/merge-patch+json", "Bearer " + token, "map[description:<nil> quotas:[]]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = c.KeyList(t.Context(), client.KeyListInput{KeyFilter: client.KeyFilter{ExpiresBefore: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)}, PageInput: client.PageInput{Limit: 7, Cursor: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"GET", "/v1/keys", "cursor=c&expires_before=2030-01-02T03%3A04%3A05.000000006Z&limit=7", "", "", "Bearer " + token, "<nil>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNamesThatWouldChangeThePathAreRefused(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the request was sent") })
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.PlanShow(t.Context(), client.PlanShowInput{Name: name}); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
}

func TestAProblemDocumentBecomesAnError(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":422,"title":"Unprocessable Entity","code":"invalid_input","detail":"no","request_id":"req_1",
			"errors":[{"field":"name","problem":"is missing","remedy":"give it"}]}`)
	})
	_, err := c.Me(t.Context(), client.MeInput{})
	got, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatal(err)
	}
	want := &client.Error{
		Status: 422, Title: "Unprocessable Entity", Code: "invalid_input", Detail: "no", RequestID: "req_1",
		Errors: []client.FieldError{{Field: "name", Problem: "is missing", Remedy: "give it"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := err.Error(); !strings.Contains(text, "name: is missing: give it") {
		t.Errorf("error reads %q", text)
	}
}

func TestAnswersOfOtherServersAreTold(t *testing.T) {
	for _, tc := range []struct {
		status     int
		kind, body string
	}{
		{502, "text/html", "<html>bad gateway"},
		{404, "application/json", `{"message":"nothing here"}`},
		{500, "application/problem+json", `{}`},
		{401, "application/problem+json", `nonsense`},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.kind)
			w.WriteHeader(tc.status)
			fmt.Fprint(w, tc.body)
		})
		_, err := c.Me(t.Context(), client.MeInput{})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "unexpected_answer" || e.Status != tc.status {
			t.Errorf("%d %s: %v", tc.status, tc.kind, err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome") })
	if _, err := c.Me(t.Context(), client.MeInput{}); err == nil {
		t.Error("HTML was taken for an object")
	}
}

func TestRedirectsAreRefusedAndTheTokenStaysHere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.KeyCreate(t.Context(), client.KeyCreateInput{})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTemporaryRedirect {
		t.Errorf("error is %v", err)
	}
}

func TestTheTokenIsNotSentInPlainTextBeyondLoopback(t *testing.T) {
	for server, fine := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:8080": true, "https://credence.example.com": true,
		"http://credence.example.com": false, "http://10.0.0.1:8080": false, "http://localhost.example.com": false,
	} {
		_, err := client.New(client.Options{Server: server})
		if (err == nil) != fine {
			t.Errorf("%s: %v", server, err)
		}
		if _, err := client.New(client.Options{Server: server, AllowPlaintext: true}); err != nil {
			t.Errorf("%s on purpose: %v", server, err)
		}
	}
}

func TestServersThatAreNoneAreRefusedWithWhatIsRight(t *testing.T) {
	for _, server := range []string{"", "localhost:8080", "ftp://x", "http://", "https://x/v1", "https://user:password@x", "https://x?y", "http://[::1"} {
		_, err := client.New(client.Options{Server: server})
		if err == nil || !strings.Contains(err.Error(), "server") || strings.Contains(err.Error(), "password") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestACallWithoutAnAnswerIsUnreachable(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := dial(t, client.Options{Server: "http://" + address})
	if _, err := c.Me(t.Context(), client.MeInput{}); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), address) {
		t.Errorf("error is %v", err)
	}
}

func TestAServerThatDoesNotAnswerCostsTheTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c := dial(t, client.Options{Server: server.URL, Timeout: time.Millisecond})
	if _, err := c.Me(t.Context(), client.MeInput{}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("error is %v", err)
	}
}

func TestTLSTrustsTheGivenAuthorityAndNoOther(t *testing.T) {
	signs := authority.New(t, time.Now())
	pair := func(issued authority.Issued) tls.Certificate {
		pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"role": %q}`, r.TLS.PeerCertificates[0].DNSNames[0])
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair(signs.Server(t, time.Now()))},
		ClientAuth:   tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12,
	}
	server.StartTLS()
	defer server.Close()
	me := func(o certfile.ClientOptions) (client.Me, error) {
		return dial(t, client.Options{Server: server.URL, TLS: o}).Me(t.Context(), client.MeInput{})
	}
	certFile, keyFile := signs.Client(t, time.Now(), "operator").Files(t, t.TempDir(), "client")
	all := certfile.ClientOptions{CAFile: signs.File, CertFile: certFile, KeyFile: keyFile}
	if who, err := me(all); err != nil || who.Role != "operator" {
		t.Errorf("with authority and certificate: %+v %v", who, err)
	}
	named, misnamed := all, all
	named.ServerName, misnamed.ServerName = "localhost", "credence.example.com"
	if _, err := me(named); err != nil {
		t.Errorf("under another name that it bears: %v", err)
	}
	for name, o := range map[string]certfile.ClientOptions{
		"system's authorities": {CertFile: certFile, KeyFile: keyFile},
		"no certificate":       {CAFile: signs.File},
		"another name":         misnamed,
	} {
		if _, err := me(o); !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSFilesThatCannotWorkAreNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, o := range map[string]client.Options{
		missing:       {Server: "https://localhost", TLS: certfile.ClientOptions{CAFile: missing}},
		"write https": {Server: "http://localhost", TLS: certfile.ClientOptions{ServerName: "localhost"}},
	} {
		if _, err := client.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyTextIsPlainInJSONOnly(t *testing.T) {
	const secret = "crd_live_marker"
	made := client.KeyCreated{KeyText: secret}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", slog.Any("created", made), slog.Any("text", made.KeyText))
	printed := fmt.Sprint(made) + fmt.Sprintf("%v %+v %#v %s %q %x %d", made, made, made.KeyText, made.KeyText, made.KeyText, made.KeyText, made.KeyText)
	if strings.Contains(printed+log.String(), "marker") {
		t.Error("printing or logging shows the key text")
	}
	text, err := json.Marshal(made)
	if err != nil || !strings.Contains(string(text), secret) {
		t.Errorf("JSON lacks the key text: %v", err)
	}
	if made.KeyText.Reveal() != secret {
		t.Error("Reveal does not reveal")
	}
}

func TestAPatchTellsAbsentFromClearedFromSet(t *testing.T) {
	type object struct {
		A, B, C client.Patch[string] `json:",omitzero"`
	}
	given := object{B: client.Clear[string](), C: client.Set("")}
	text, err := json.Marshal(given)
	if err != nil || string(text) != `{"B":null,"C":""}` {
		t.Fatalf("%s %v", text, err)
	}
	var read object
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if read != given || read.A.Pointer() != nil || read.B.Pointer() == nil || read.C.Pointer() == nil {
		t.Errorf("%+v is not %+v", read, given)
	}
	if err := json.Unmarshal([]byte(`{"A":7}`), &read); err == nil {
		t.Error("a number was taken for a string")
	}
}
