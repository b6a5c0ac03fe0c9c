package extauthz

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
	"credence/store/limit"
	"credence/store/seal"
	"credence/store/sqlite"
)

// plane is a whole data plane on a real database, with a clock that the test
// moves. Only the network to an Envoy is missing.
type plane struct {
	*testing.T
	db       *sqlite.DB
	store    *store.Store
	secrets  *credential.Secrets
	follower *feed.Follower
	applied  chan store.Revision
	registry *prometheus.Registry
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

func newPlane(t *testing.T) *plane {
	t.Helper()
	p := &plane{
		T: t, registry: prometheus.NewRegistry(), log: &lockedBuffer{}, applied: make(chan store.Revision, 100),
		at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
	}
	o := sqlite.Options{
		Path: filepath.Join(t.TempDir(), "credence.db"), Now: p.now, Random: rand.Reader,
		Logger: slog.New(slog.DiscardHandler),
	}
	_, _, err := sqlite.Migrate(t.Context(), o)
	must(t, err)
	p.db, err = sqlite.Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { _ = p.db.Close() }) // closed already where the store fails
	keyset, err := seal.NewKeyset()
	must(t, err)
	p.secrets, err = credential.NewSecrets(rand.Reader)
	must(t, err)
	p.store = store.New(p.db, keyset, p.now)
	p.start()
	return p
}

// start runs what wire.go runs.
func (p *plane) start() {
	keys, err := cache.New(cache.Options{
		Store: p.store, Secrets: p.secrets, Now: p.now, Ceiling: 5 * time.Minute, TTL: time.Minute,
	})
	must(p, err)
	refused, err := blacklist.New(blacklist.Options{Store: p.store})
	must(p, err)
	logger := slog.New(slog.NewTextHandler(p.log, nil))
	counts, err := limiter.New(limiter.Options{Store: p.store, Now: p.now, Logger: logger})
	must(p, err)
	p.follower, err = feed.New(feed.Options{
		Feed: p.store, Subscribers: []feed.Subscriber{keys, refused, applied(p.applied)}, Now: p.now, Logger: logger,
	})
	must(p, err)
	decisions, err := pipeline.New(pipeline.Options{
		Secrets: p.secrets, Keys: keys, Blacklist: refused, Limiter: counts, Now: p.now,
	})
	must(p, err)
	o := testOptions(decisions)
	o.Logger, o.Now, o.Registerer, o.Ready = logger, p.now, p.registry, p.follower.Ready()
	o.Sources = Sources{Applied: p.follower.Applied, LastRead: p.follower.LastRead}
	s := serve(p.T, o)
	p.check = client(p, s.address)

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
	for !s.loaded.Load() { // set right after, by a goroutine of the server
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

// want makes a Check with the key text and compares HTTP code and reason.
func (p *plane) want(when, text string, code int32, reason pipeline.Reason) {
	p.Helper()
	m := getOrders()
	m.GetAttributes().ContextExtensions = nil
	m.GetAttributes().GetRequest().GetHttp().GetHeaders()["x-api-key"] = text
	got, err := p.check.Check(p.Context(), m)
	must(p, err)
	object := credenceObject(p, got)
	if status := int32(got.GetDeniedResponse().GetStatus().GetCode()); status != code || object["reason"] != reason.String() {
		p.Errorf("%s: %d %s, want %d %s", when, status, object["reason"], code, reason)
	}
}

// TestStoreGone: known keys go on until the ceiling, revoked ones stay
// refused, unknown ones get 503, and metrics and log say why.
func TestStoreGone(t *testing.T) {
	p := newPlane(t)
	known, _ := p.key(nil)
	revoked, k := p.key(nil)
	p.want("a new key", known, 0, pipeline.ReasonAllowed)
	p.want("another", revoked, 0, pipeline.ReasonAllowed)
	p.change(func(ctx context.Context, tx *store.Tx) error {
		k.Status, k.StatusReason, k.StatusAt = store.StatusRevoked, "leaked", p.now()
		return tx.UpdateKey(ctx, k)
	})
	p.want("revoked", revoked, 401, pipeline.ReasonRevoked)
	unknown, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	p.want("never made", unknown.Reveal(), 401, pipeline.ReasonUnknownKey)

	must(t, p.db.Close())
	fresh, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	p.want("store gone, known", known, 0, pipeline.ReasonAllowed)
	p.want("store gone, revoked", revoked, 401, pipeline.ReasonRevoked)
	p.want("store gone, unknown", fresh.Reveal(), 503, pipeline.ReasonUnavailable)
	p.advance(4 * time.Minute)
	p.want("store gone for 4 minutes, known", known, 0, pipeline.ReasonAllowed)
	p.want("store gone for 4 minutes, revoked", revoked, 401, pipeline.ReasonRevoked)
	p.advance(2 * time.Minute)
	p.want("past the ceiling, known", known, 503, pipeline.ReasonUnavailable)
	p.want("past the ceiling, revoked", revoked, 503, pipeline.ReasonUnavailable)

	got := gathered(t, p.registry)
	if n := got["credence_checks_total{decision=deny,reason=unavailable}"]; n < 3 {
		t.Errorf("%v Checks counted as unavailable", n)
	}
	if age := got["credence_feed_age_seconds{}"]; age < 360 {
		t.Errorf("feed age %v", age)
	}
	if text := p.log.String(); !strings.Contains(text, "checks cannot be decided") || strings.Contains(text, known) {
		t.Errorf("log: %s", text)
	}
}

// TestQuotaStoreGone: what is reserved is spent, then the key gets 503; rates
// need no store.
func TestQuotaStoreGone(t *testing.T) {
	p := newPlane(t)
	withQuota, _ := p.key(func(k *store.Key) {
		k.Quotas = []limit.Quota{{Name: "daily", Limit: 100, Period: limit.QuotaDay}}
	})
	withRate, _ := p.key(func(k *store.Key) {
		k.Limits = []limit.Limit{{Name: "default", Limit: 3, Period: time.Hour, Burst: 3}}
	})
	p.want("with quota", withQuota, 0, pipeline.ReasonAllowed)
	p.want("with rate", withRate, 0, pipeline.ReasonAllowed)
	must(t, p.db.Close())
	for range 2 {
		p.want("store gone, with rate", withRate, 0, pipeline.ReasonAllowed)
	}
	p.want("store gone, over the rate", withRate, 429, pipeline.ReasonRateLimited)
	for i := range 100 { // what had been reserved
		m := getOrders()
		m.GetAttributes().ContextExtensions = nil
		m.GetAttributes().GetRequest().GetHttp().GetHeaders()["x-api-key"] = withQuota
		got, err := p.check.Check(t.Context(), m)
		must(t, err)
		if got.GetStatus().GetCode() != 0 {
			break
		}
		if i == 99 {
			t.Fatal("the quota was exceeded")
		}
	}
	p.want("nothing reserved", withQuota, 503, pipeline.ReasonUnavailable)
}

// TestBlacklistWhileTheStoreIsGone: the rules that were read go on refusing.
func TestBlacklistWhileTheStoreIsGone(t *testing.T) {
	p := newPlane(t)
	known, _ := p.key(nil)
	p.want("before the rule", known, 0, pipeline.ReasonAllowed)
	p.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertBlacklistRule(ctx, store.BlacklistRule{
			ID: store.BlacklistIDPrefix + "00000000000000000000000001", Network: netip.MustParsePrefix("203.0.113.0/24"),
			Reason: "test", CreatedAt: p.now(),
		})
	})
	must(t, p.db.Close())
	p.want("store gone", known, 403, pipeline.ReasonBlacklisted)
}

// TestFailureTableNamesItsTests: every row of the table in doc.go that stands
// for the embedded deployment names tests, and they exist.
func TestFailureTableNamesItsTests(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	must(t, err)
	var tests strings.Builder
	for _, folder := range []string{".", "cache", "feed", "pipeline", "../test/e2e"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		must(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			must(t, err)
			tests.Write(text)
		}
	}
	_, table, found := strings.Cut(string(doc), "# When something fails")
	if !found {
		t.Fatal("doc.go has no table of failures")
	}
	named := regexp.MustCompile(`Test\w+`).FindAllString(table, -1)
	if len(named) < 15 {
		t.Errorf("the table names %d tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(tests.String(), "func "+name+"(t ") {
			t.Errorf("%s does not exist", name)
		}
	}
}
