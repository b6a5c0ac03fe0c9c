package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/management/gitea"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
	"credence/test/fakegitea"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a wall clock that tests move by hand.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c.at.Store(&start)
	return c
}

func (c *clock) now() time.Time { return *c.at.Load() }

func (c *clock) advance(d time.Duration) {
	next := c.now().Add(d)
	c.at.Store(&next)
}

// journal collects what is logged.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.buf.Len() > 1<<20 { // a fuzzer runs for long
		j.buf.Reset()
	}
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// deployment is a real API over a real database in a folder of its own.
type deployment struct {
	url     string
	path    string // of the database
	clock   *clock
	log     *journal
	metrics *prometheus.Registry
	store   *store.Store
	service *management.Service
	admin   credential.Text
	ready   atomic.Pointer[error]
	handler http.Handler
}

func deploy(tb testing.TB, change ...func(*api.Options)) *deployment {
	tb.Helper()
	d := &deployment{clock: newClock(), log: &journal{}, metrics: prometheus.NewRegistry()}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.path = filepath.Join(tb.TempDir(), "credence.db")
	db := sqlitetest.OpenAt(tb, d.path, d.clock.now)
	keyset, err := seal.NewKeyset()
	must(tb, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(tb, err)
	d.store = store.New(db, keyset, d.clock.now)
	forge, err := gitea.New(remote.Options{Outgoing: fakegitea.Reach(), Now: d.clock.now})
	must(tb, err)
	tb.Cleanup(forge.Close)
	flows, err := n8n.New(remote.Options{Outgoing: fakegitea.Reach(), Now: d.clock.now}, management.N8NSessions(d.store))
	must(tb, err)
	tb.Cleanup(flows.Close)
	d.service, err = management.New(management.Options{Store: d.store, Secrets: secrets, Random: rand.Reader, Now: d.clock.now, Logger: logger, Outgoing: fakegitea.Reach(), Gitea: forge, N8N: flows, ClientSourceKnown: true})
	must(tb, err)
	first, err := d.service.TokenBootstrap(tb.Context(), management.TokenBootstrap{})
	must(tb, err)
	d.admin = first.Text
	o := api.Options{
		Service: d.service, Authenticator: d.service, Hosts: []string{"credence.example.com"},
		Ready: func(context.Context) error {
			if err := d.ready.Load(); err != nil {
				return *err
			}
			return nil
		},
		Registerer: d.metrics, Logger: logger, Now: d.clock.now, Random: rand.Reader,
	}
	for _, c := range change {
		c(&o)
	}
	d.handler, err = api.New(o)
	must(tb, err)
	server := httptest.NewServer(d.handler)
	tb.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// token makes an admin token of the role; no namespaces means global.
func (d *deployment) token(tb testing.TB, role store.Role, namespaces ...string) credential.Text {
	tb.Helper()
	text, err := credential.MintToken(rand.Reader)
	must(tb, err)
	id, err := store.NewID(store.TokenIDPrefix, d.clock.now(), rand.Reader)
	must(tb, err)
	_, err = d.store.InTx(tb.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "token.create", Object: "token:" + id})
		return tx.InsertToken(ctx, store.Token{
			ID: id, Name: string(role), Role: role, Namespaces: namespaces, Hash: text.Digest(), CreatedAt: tx.Now(),
		})
	})
	must(tb, err)
	return text
}

// client is the generated client with that token.
func (d *deployment) client(tb testing.TB, token credential.Text) *client.Client {
	tb.Helper()
	c, err := client.New(client.Options{Server: d.url, Token: token})
	must(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// answered is an answer, read to its end.
type answered struct {
	status  int
	header  http.Header
	body    string
	problem client.Error
}

// send makes a request by hand, with the admin token unless a header says
// otherwise ("Authorization", "" sends none).
func (d *deployment) send(tb testing.TB, method, path, body string, headers ...string) answered {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, d.url+path, strings.NewReader(body))
	must(tb, err)
	req.Header.Set("Authorization", "Bearer "+d.admin.Reveal())
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			req.Host = headers[i+1]
		case headers[i+1] == "":
			req.Header.Del(headers[i])
		default:
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	must(tb, err)
	defer func() { must(tb, res.Body.Close()) }()
	raw, err := io.ReadAll(res.Body)
	must(tb, err)
	a := answered{status: res.StatusCode, header: res.Header, body: string(raw)}
	if res.StatusCode >= 400 {
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			tb.Errorf("%s %s: %d is %q, want application/problem+json", method, path, res.StatusCode, got)
		}
		must(tb, json.Unmarshal(raw, &a.problem))
	}
	return a
}

// wantProblem checks status, code and, unless "", the field that is named.
func wantProblem(tb testing.TB, a answered, status int, code, field string) {
	tb.Helper()
	if a.status != status || a.problem.Code != code || a.problem.Status != status {
		tb.Fatalf("answer is %d %s, want %d %s", a.status, a.body, status, code)
	}
	if a.problem.Detail == "" || a.problem.Title == "" || a.problem.RequestID == "" || a.problem.RequestID != a.header.Get("X-Request-Id") {
		tb.Errorf("problem lacks detail, title or request id: %s", a.body)
	}
	if field == "" {
		return
	}
	for _, f := range a.problem.Errors {
		if f.Field == field {
			if f.Problem == "" || f.Remedy == "" {
				tb.Errorf("field %s lacks problem or remedy: %s", field, a.body)
			}
			return
		}
	}
	tb.Errorf("problem does not name field %q: %s", field, a.body)
}
