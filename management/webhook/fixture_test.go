package webhook_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"credence/management"
	"credence/management/outgoing"
	"credence/management/webhook"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is not now: the official library judges timestamps by the real clock,
// so the fixture's begins there and moves only when the test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// counter counts how often it was asked to wait.
type counter struct{ taken chan int }

type pacer struct {
	rate  int
	taken chan int
}

func (p pacer) Take() time.Time {
	select {
	case p.taken <- p.rate:
	default: // enough is known
	}
	return time.Time{}
}

type fixture struct {
	t         *testing.T
	clock     *clock
	store     *store.Store
	service   *management.Service
	deliverer *webhook.Deliverer
	log       *bytes.Buffer
	paces     counter
}

var (
	admin    = management.Actor{ID: "token:tok_1", Role: store.RoleAdmin}
	loopback = outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
)

func newFixture(t *testing.T, change ...func(*webhook.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: &clock{now: time.Now().UTC().Truncate(time.Microsecond)}, log: &bytes.Buffer{}, paces: counter{make(chan int, 1000)}}
	keyset, err := seal.NewKeyset()
	must(t, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(t, err)
	f.store = store.New(sqlitetest.Open(t, f.clock.Now), keyset, f.clock.Now)
	logger := slog.New(slog.NewJSONHandler(f.log, nil))
	f.service, err = management.New(management.Options{
		Store: f.store, Secrets: secrets, Random: rand.Reader, Now: f.clock.Now, Logger: logger, Outgoing: outgoing.Options{Allow: loopback},
	})
	must(t, err)
	o := webhook.Options{
		Store: f.store, Service: f.service, Outgoing: outgoing.Options{Allow: loopback}, Now: f.clock.Now, Logger: logger,
		Registerer: prometheus.NewRegistry(), Version: "test", Pace: func(rate int) webhook.Pacer { return pacer{rate, f.paces.taken} },
	}
	for _, c := range change {
		c(&o)
	}
	f.deliverer, err = webhook.New(o)
	must(t, err)
	t.Cleanup(f.deliverer.Close)
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// received is one request as a receiver saw it.
type received struct {
	header http.Header
	body   string
}

// receiver answers with what answer writes, and keeps what came.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex
	got []received
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.Header, string(body)})
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hook makes a webhook that is told of everything.
func (f *fixture) hook(url string) management.WebhookCreated {
	f.t.Helper()
	made, err := f.service.WebhookCreate(f.t.Context(), admin, management.WebhookCreate{URL: url, Events: []string{"*"}})
	must(f.t, err)
	return made
}

// happen makes so many events.
func (f *fixture) happen(n int) {
	f.t.Helper()
	for range n {
		_, err := f.service.KeyCreate(f.t.Context(), admin, management.KeyCreate{Name: "orders"})
		must(f.t, err)
	}
}

func (f *fixture) turn(w management.WebhookCreated) {
	f.t.Helper()
	must(f.t, f.deliverer.Turn(f.t.Context(), w.Webhook.ID))
}

func (f *fixture) state(w management.WebhookCreated) store.Webhook {
	f.t.Helper()
	is, err := f.store.Webhook(f.t.Context(), w.Webhook.ID)
	must(f.t, err)
	return is
}

// deliveries are what the webhook is told, the oldest first.
func (f *fixture) deliveries(w management.WebhookCreated) []store.Delivery {
	f.t.Helper()
	found, _, err := f.store.Deliveries(f.t.Context(), store.DeliveryFilter{WebhookID: w.Webhook.ID}, store.Page{Limit: store.MaxPage})
	must(f.t, err)
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// only is the one delivery there is, and its newest attempt.
func (f *fixture) only(w management.WebhookCreated) (store.Delivery, store.DeliveryTry) {
	f.t.Helper()
	all := f.deliveries(w)
	if len(all) != 1 || len(all[0].Tries) == 0 {
		f.t.Fatalf("%d deliveries, want one that was tried", len(all))
	}
	return all[0], all[0].Tries[len(all[0].Tries)-1]
}

// verify has the official library check what came.
func (f *fixture) verify(got received, secret string) error {
	f.t.Helper()
	library, err := standardwebhooks.NewWebhook(secret)
	must(f.t, err)
	return library.Verify([]byte(got.body), got.header)
}

// names is a resolver whose every name has the addresses of the next answer.
func names(answers ...[4]byte) *net.Resolver {
	asked := 0
	var mu sync.Mutex
	next := func() [4]byte {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return answers[min(asked, len(answers))-1]
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close() //nolint:errcheck // a pipe
			head := make([]byte, 2)
			for {
				if _, err := io.ReadFull(theirs, head); err != nil {
					return
				}
				query := make([]byte, int(head[0])<<8|int(head[1]))
				if _, err := io.ReadFull(theirs, query); err != nil {
					return
				}
				reply := dnsAnswer(query, next)
				if _, err := theirs.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// dnsAnswer is a DNS answer with one A record; other types get none.
func dnsAnswer(query []byte, next func() [4]byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if query[end-3] == 1 {
		ip := next()
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ip[0], ip[1], ip[2], ip[3])
	}
	return reply
}

func port(t *testing.T, url string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"))
	must(t, err)
	return p
}
