package forward

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/extauthz/routes"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a real check server with a real pipeline, reached over gRPC and
// over HTTP. Its keys are in memory.
type world struct {
	handler  *Handler
	server   *extauthz.Server
	registry *prometheus.Registry
	log      *lockedBuffer
	check    authv3.AuthorizationClient
	text     string // of a key with the scope orders:read that nothing limits
	spent    string // of a key whose limit is used up
	keys     keyring
}

// lockedBuffer is written by the server and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// keyring are the keys by digest; down answers that nobody knows.
type keyring struct {
	known map[credential.Digest]*pipeline.Key
	down  credential.Digest
	panic credential.Digest
}

func (k keyring) Cached(d credential.Digest) *pipeline.Key { return k.known[d] }

func (k keyring) Find(_ context.Context, d credential.Digest) (*pipeline.Key, pipeline.KeySource, error) {
	switch d {
	case k.down:
		return nil, pipeline.KeySourceNone, context.DeadlineExceeded
	case k.panic:
		panic("a key ring that breaks")
	}
	return nil, pipeline.KeySourceStore, nil
}

// nobody refuses nobody.
type nobody struct{}

func (nobody) Refused(netip.Addr, string, time.Time) bool { return false }

// hourly says of every limit that it has one left, and of one named "spent"
// that it has none.
type hourly struct{}

func (hourly) Take(_ context.Context, _ time.Time, _ int64, limits []pipeline.SubjectLimit, _ []pipeline.SubjectQuota, out []pipeline.LimitOutcome) ([]pipeline.LimitOutcome, bool, error) {
	ok := true
	for _, l := range limits {
		refused := l.Label == "spent"
		out = append(out, pipeline.LimitOutcome{Name: l.Label, Limit: 1, Period: time.Hour, Reset: 90 * time.Second, Refused: refused})
		ok = ok && !refused
	}
	return out, ok, nil
}

// change may alter the options of the check server; nil leaves them.
func newWorld(tb testing.TB, change func(*extauthz.Options)) *world {
	tb.Helper()
	w := &world{registry: prometheus.NewRegistry(), log: &lockedBuffer{}, keys: keyring{known: map[credential.Digest]*pipeline.Key{}}}
	secrets, err := credential.NewSecrets(rand.Reader)
	must(tb, err)
	mint := func() string {
		text, _, err := secrets.Mint(rand.Reader, "crd", "live")
		must(tb, err)
		return text.Reveal()
	}
	add := func(record store.KeyRecord) string {
		text := mint()
		record.Hash, record.PepperID = secrets.Hash(credential.DigestOf([]byte(text)))
		record.Namespace, record.KeyType, record.Status, record.ChecksumID = "default", store.KeyTypeService, store.StatusActive, "c1"
		key, err := pipeline.NewKey(record)
		must(tb, err)
		if record.Owner != "" { // one key with its answer encoded beforehand, as the cache does, one without
			encode, err := extauthz.Encoder(extauthz.AnswerOptions{})
			must(tb, err)
			encode(key)
		}
		w.keys.known[credential.DigestOf([]byte(text))] = key
		return text
	}
	w.text = add(store.KeyRecord{Key: store.Key{KeyID: "key_01", Owner: "team orders", Scopes: []string{"orders:read"}}})
	w.spent = add(store.KeyRecord{Key: store.Key{KeyID: "key_02", Limits: []limit.Limit{{Name: "spent", Limit: 1, Period: time.Hour}}}})
	w.keys.down, w.keys.panic = credential.DigestOf([]byte(mint())), credential.DigestOf([]byte(mint()))
	stored, err := routes.New(routes.Options{Store: unread{}, Ceiling: time.Hour})
	must(tb, err)
	must(tb, stored.Resume([]store.RoutePolicy{
		{Name: "stored-admin", Scopes: []string{"admin:all"}, Hosts: []string{"stored.example.com"}, Paths: []string{"/admin/*"}},
		{Name: "stored-orders", Scopes: []string{"orders:read"}},
		{Name: "orders", Scopes: []string{"admin:all"}}, // the name of one that was written down
	}, time.Now()))
	decisions, err := pipeline.New(pipeline.Options{
		Client:  pipeline.ClientOptions{Source: "header:x-client-ip"},
		Places:  append(pipeline.DefaultPlaces(), pipeline.Place{Kind: pipeline.PlaceQuery, Name: "api_key"}),
		Secrets: secrets, Keys: &w.keys, Blacklist: nobody{}, Limiter: hourly{}, Routes: stored, Now: time.Now,
	})
	must(tb, err)
	o := extauthz.Options{Pipeline: decisions, Logger: slog.New(slog.NewTextHandler(w.log, nil)), Now: time.Now, Registerer: w.registry}
	if change != nil {
		change(&o)
	}
	w.server, err = extauthz.New(o)
	must(tb, err)
	tb.Cleanup(func() {
		if w.check == nil { // never served: what it has started ends in a drain at once
			ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
			stop()
			must(tb, w.server.Serve(ctx))
		}
	})
	policies, err := NewPolicies(map[string]map[string]string{
		"orders": {"scopes": "orders:read"}, "admin": {"scopes": "admin:all"}, "watch": {"mode": "shadow", "scopes": "admin:all"}, "open": {"anonymous": "allow"}, "silent": {},
	})
	must(tb, err)
	w.handler, err = New(Options{Checks: w.server, Policies: policies, Stored: stored, Logger: o.Logger, Now: time.Now, Registerer: w.registry})
	must(tb, err)
	return w
}

// unread is a store that is not asked: what is stored is resumed.
type unread struct{ store.RoutePolicyReader }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// overGRPC serves the world's Checks and connects a client.
func (w *world) overGRPC(tb testing.TB) {
	tb.Helper()
	l, err := extauthz.Listen(tb.Context(), "127.0.0.1:0")
	must(tb, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx, l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(tb, err)
	w.check = authv3.NewAuthorizationClient(conn)
	tb.Cleanup(func() {
		_ = conn.Close()
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
}

// header is a header line.
type header = [2]string

// reply is an answer, read to its end.
type reply struct {
	StatusCode int
	Header     http.Header
	Body       string
}

func replyOf(r *httptest.ResponseRecorder) reply {
	return reply{r.Code, r.Header(), r.Body.String()}
}

// ask sends a subrequest as it would come off the wire.
func (w *world) ask(tb testing.TB, method, target string, headers ...header) reply {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, "/", http.NoBody)
	r.RequestURI, r.Host = target, "api.example.com"
	for _, h := range slices.Concat(headers, []header{{"X-Client-Ip", "203.0.113.7"}}) {
		r.Header.Add(h[0], h[1])
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return replyOf(recorder)
}

// checkOf is the Check that Envoy would send for a client's request.
func checkOf(method, path, host string, headers http.Header, extensions map[string]string) *authv3.CheckRequest {
	all := &corev3.HeaderMap{}
	for name, values := range headers {
		for _, value := range values {
			all.Headers = append(all.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
		}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: method, Path: path, Host: host, Protocol: "HTTP/1.1", HeaderMap: all,
		}},
		ContextExtensions: extensions,
	}}
}

// serve runs the handler on loopback until the test ends.
func (w *world) serve(tb testing.TB, o ServeOptions) (address string, stop func() error) {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	must(tb, err)
	return w.serveOn(tb, l, o)
}

func (w *world) serveOn(tb testing.TB, l net.Listener, o ServeOptions) (address string, stop func() error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	o.Logger = slog.New(slog.DiscardHandler)
	go func() { ended <- w.handler.Serve(ctx, l, o) }()
	once := sync.OnceValue(func() error { cancel(); return <-ended })
	tb.Cleanup(func() {
		if err := once(); err != nil {
			tb.Error(err)
		}
	})
	return l.Addr().String(), once
}

// counted is the sum of a counter's series in which the label value stands.
func (w *world) counted(tb testing.TB, name, value string) float64 {
	tb.Helper()
	families, err := w.registry.Gather()
	must(tb, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if value == "" || slices.ContainsFunc(metric.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == value }) {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}
