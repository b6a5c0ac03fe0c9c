package extauthz

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
)

// plane is a whole data plane on a real database, with a clock that the test
// moves. Only the network to an Envoy is missing.
type plane struct {
	testing.TB
	db       *sqlite.DB
	store    *store.Store
	secrets  *credential.Secrets
	follower *feed.Follower
	applied  chan store.Revision
	registry *prometheus.Registry
	server   *served
	check    authv3.AuthorizationClient
	log      *lockedBuffer

	mu  sync.Mutex
	at  time.Time
	ids int
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

func (p *plane) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *plane) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

// applied tells the test what the subscribers before it have applied.
type applied chan store.Revision

func (applied) Load(context.Context) error { return nil }
func (applied) Restart()                   {}
func (applied) CaughtUp(time.Time)         {}

func (a applied) Apply(_ context.Context, changes []store.Change) error {
	a <- changes[len(changes)-1].Revision
	return nil
}

// newPlane starts a plane; edit changes what its pipeline is made of.
func newPlane(tb testing.TB, edit func(*pipeline.Options)) *plane {
	tb.Helper()
	p := &plane{
		TB: tb, registry: prometheus.NewRegistry(), log: &lockedBuffer{}, applied: make(chan store.Revision, 100),
		at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
	}
	p.db = sqlitetest.Open(tb, p.now)
	keyset, err := seal.NewKeyset()
	must(tb, err)
	p.secrets, err = credential.NewSecrets(rand.Reader)
	must(tb, err)
	p.store = store.New(p.db, keyset, p.now)
	p.start(edit)
	return p
}

// start runs what wire.go runs.
func (p *plane) start(edit func(*pipeline.Options)) {
	p.Helper()
	// Patient, so that a busy machine is no failing store.
	const patience = time.Minute
	encode, err := Encoder(AnswerOptions{})
	must(p, err)
	keys, err := cache.New(cache.Options{
		Encode: encode, Store: p.store, Secrets: p.secrets, Now: p.now, Ceiling: 5 * time.Minute, TTL: time.Minute,
		LookupWait: patience, LookupTimeout: patience, StaleWait: patience,
	})
	must(p, err)
	refused, err := blacklist.New(blacklist.Options{Store: p.store})
	must(p, err)
	logger := slog.New(slog.NewTextHandler(p.log, nil))
	counts, err := limiter.New(limiter.Options{
		Store: p.store, Now: p.now, Logger: logger, RefillWait: patience, Timeout: patience,
	})
	must(p, err)
	p.follower, err = feed.New(feed.Options{
		Feed: p.store, Subscribers: []feed.Subscriber{keys, refused, applied(p.applied)}, Now: p.now, Logger: logger,
	})
	must(p, err)
	options := pipeline.Options{Secrets: p.secrets, Keys: keys, Blacklist: refused, Limiter: counts, Now: p.now}
	if edit != nil {
		edit(&options)
	}
	decisions, err := pipeline.New(options)
	must(p, err)
	o := testOptions(decisions)
	o.Logger, o.Now, o.Registerer, o.Ready = logger, p.now, p.registry, p.follower.Ready()
	o.Sources = Sources{Applied: p.follower.Applied, LastRead: p.follower.LastRead}
	p.server = serve(p.TB, o)
	p.check = client(p, p.server.address)

	ctx, cancel := context.WithCancel(p.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = p.follower.Run(ctx) })
	running.Go(func() { _ = keys.Run(ctx) })
	p.Cleanup(func() {
		cancel()
		running.Wait()
		_ = counts.Close(context.WithoutCancel(ctx)) // the store may be gone
	})
	<-p.follower.Ready()
	for !p.server.loaded.Load() { // set right after, by a goroutine of the server
		if _, err := p.check.Check(p.Context(), getOrders()); err != nil {
			p.Fatal(err)
		}
	}
}

// change changes something and waits until the replica has applied it.
func (p *plane) change(fn func(ctx context.Context, tx *store.Tx) error) {
	p.Helper()
	at, err := p.store.InTx(p.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "test", Action: "test.change", Object: "test"})
		return fn(ctx, tx)
	})
	must(p, err)
	for revision := store.Revision(0); revision < at.Revision; {
		revision = <-p.applied
	}
}

// key makes a key and answers its text and record.
func (p *plane) key(edit func(*store.Key)) (string, store.Key) {
	p.Helper()
	text, checksumID, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(p, err)
	p.ids++
	k := store.Key{
		KeyID: fmt.Sprintf("%s%026d", store.KeyIDPrefix, p.ids), Namespace: store.DefaultNamespace, Name: "orders",
		KeyType: store.KeyTypeService, Status: store.StatusActive, Environment: "live", ChecksumID: checksumID,
		CreatedAt: p.now(), UpdatedAt: p.now(), StatusAt: p.now(), Version: 1,
	}
	k.Hash, k.PepperID = p.secrets.Hash(text.Digest())
	if edit != nil {
		edit(&k)
	}
	p.change(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKey(ctx, k) })
	return text.Reveal(), k
}

// with is an ordinary request without a route policy that carries the key
// text, if any.
func with(text string) *authv3.CheckRequest {
	m := getOrders()
	m.GetAttributes().ContextExtensions = nil
	headers := m.GetAttributes().GetRequest().GetHttp().GetHeaders()
	if headers["x-api-key"] = text; text == "" {
		delete(headers, "x-api-key")
	}
	return m
}

// want makes a Check with the key text and compares HTTP code and reason.
func (p *plane) want(when, text string, code int32, reason pipeline.Reason) {
	p.Helper()
	got, err := p.check.Check(p.Context(), with(text))
	must(p, err)
	object := credenceObject(p, got)
	if status := int32(got.GetDeniedResponse().GetStatus().GetCode()); status != code || object["reason"] != reason.String() {
		p.Errorf("%s: %d %s, want %d %s", when, status, object["reason"], code, reason)
	}
}
