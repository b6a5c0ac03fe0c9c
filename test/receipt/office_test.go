package receipt

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/extauthz/fleet"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ceiling = 10 * time.Minute

var admin = management.Actor{ID: "token:tok_test", Role: store.RoleAdmin}

// office is a control plane, and the database that all share.
type office struct {
	testing.TB
	*management.Service

	db      *sqlite.DB
	secrets *credential.Secrets
	started atomic.Int64

	mu sync.Mutex
	at time.Time
}

func newOffice(tb testing.TB) *office {
	tb.Helper()
	o := &office{TB: tb, at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	o.db = sqlitetest.Open(tb, o.now)
	keyset, err := seal.NewKeyset()
	must(tb, err)
	o.secrets, err = credential.NewSecrets(rand.Reader)
	must(tb, err)
	o.Service, err = management.New(management.Options{
		Store: store.New(o.db, keyset, o.now), Secrets: o.secrets, Random: rand.Reader, Now: o.now, Logger: slog.New(slog.DiscardHandler),
	})
	must(tb, err)
	return o
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// now is the clock of everybody; only the test moves it.
func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

func (o *office) set(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = at
}

// key makes a key, waits until every replica has applied that, so that it can
// keep the key, and answers its id and text.
func (o *office) key(change func(*management.KeyCreate)) (id, text string) {
	o.Helper()
	in := management.KeyCreate{Name: "orders"}
	if change != nil {
		change(&in)
	}
	made, err := o.KeyCreate(o.Context(), admin, in)
	must(o, err)
	if r := o.Receipt(o.Context(), made.Position, management.MaxWait); !r.Complete {
		o.Fatalf("receipt of a new key: %+v", r)
	}
	return made.Key.KeyID, made.Text.Reveal()
}

// link is a replica's connection to the database, which can be cut.
type link struct {
	*sqlite.DB

	cut  atomic.Bool
	slow func() // before each call; nil for at once
}

func (l *link) pass() error {
	if l.slow != nil {
		l.slow()
	}
	if l.cut.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func (l *link) Head(ctx context.Context) (store.Position, error) {
	if err := l.pass(); err != nil {
		return store.Position{}, err
	}
	return l.DB.Head(ctx)
}

func (l *link) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	if err := l.pass(); err != nil {
		return nil, err
	}
	return l.DB.ChangesAfter(ctx, after, limit)
}

func (l *link) PutReplica(ctx context.Context, r store.Replica) error {
	if err := l.pass(); err != nil {
		return err
	}
	return l.DB.PutReplica(ctx, r)
}

func (l *link) FindKey(ctx context.Context, candidates []credential.Hash) (store.KeyRecord, error) {
	if err := l.pass(); err != nil {
		return store.KeyRecord{}, err
	}
	return l.DB.FindKey(ctx, candidates)
}

// replica is a whole data plane. Only the network to an Envoy is missing.
type replica struct {
	*link

	id       string
	follower *feed.Follower
	pipeline *pipeline.Pipeline
	caughtUp caughtUp
	shares   shares
	stop     func()
}

// late is a subscriber that takes its time before the others may load and
// apply.
type late func()

func (late) Restart()           {}
func (late) CaughtUp(time.Time) {}

func (l late) Load(context.Context) error {
	l()
	return nil
}

func (l late) Apply(context.Context, []store.Change) error {
	l()
	return nil
}

// caughtUp tells the test that the subscribers before it know all there is.
type caughtUp chan struct{}

func (caughtUp) Load(context.Context) error                  { return nil }
func (caughtUp) Restart()                                    {}
func (caughtUp) Apply(context.Context, []store.Change) error { return nil }

func (c caughtUp) CaughtUp(time.Time) {
	select {
	case c <- struct{}{}:
	default: // told already
	}
}

// shares tells the test how many replicas this one knows of.
type shares chan int

func (s shares) SetShare(_, replicas int) { s <- replicas }

// slowness is what takes its time; nil takes none. Its clock may be another's.
type slowness struct {
	skew  time.Duration // of the replica's clock
	store func()        // before each call of the database
	apply func()        // before anything is loaded or applied
}

// start starts a replica and waits until it is ready.
func (o *office) start(slow slowness) *replica {
	o.Helper()
	r := &replica{
		link: &link{DB: o.db, slow: slow.store}, id: fmt.Sprintf("rep_%03d", o.started.Add(1)),
		caughtUp: make(caughtUp, 1), shares: make(shares, 1000),
	}
	logger := slog.New(slog.DiscardHandler)
	now := func() time.Time { return o.now().Add(slow.skew) }
	keys, err := cache.New(cache.Options{
		Store: r.link, Secrets: o.secrets, Now: now, Ceiling: ceiling, TTL: time.Minute,
		LookupWait: time.Minute, LookupTimeout: time.Minute, StaleWait: time.Millisecond,
	})
	must(o, err)
	refused, err := blacklist.New(blacklist.Options{Store: r.link})
	must(o, err)
	counts, err := limiter.New(limiter.Options{Store: r.link, Now: now, Logger: logger})
	must(o, err)
	watcher, err := fleet.New(fleet.Options{
		Registry: r.link, ID: r.id, Sharers: []fleet.Sharer{counts, r.shares}, Now: now, Logger: logger, Every: 10 * time.Millisecond,
	})
	must(o, err)
	subscribers := []feed.Subscriber{keys, refused, watcher, r.caughtUp}
	if slow.apply != nil {
		subscribers = slices.Insert(subscribers, 0, feed.Subscriber(late(slow.apply)))
	}
	r.follower, err = feed.New(feed.Options{
		Feed: r.link, Registry: r.link, Subscribers: subscribers, Now: now, Logger: logger,
		Replica: store.Replica{ID: r.id, Name: "pod-" + r.id, Address: "127.0.0.1:9001", Version: "test", Ceiling: ceiling},
	})
	must(o, err)
	r.pipeline, err = pipeline.New(pipeline.Options{Secrets: o.secrets, Keys: keys, Blacklist: refused, Limiter: counts, Now: now})
	must(o, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(o.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = r.follower.Run(ctx) })
	running.Go(func() { _ = keys.Run(ctx) })
	running.Go(func() { _ = watcher.Run(ctx) })
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = counts.Close(o.Context())
	})
	<-r.follower.Ready()
	return r
}

// check is one Check with the key text, from the same client.
func (r *replica) check(ctx context.Context, text string) pipeline.Reason {
	d := &pipeline.Decision{}
	r.pipeline.Decide(ctx, &pipeline.Request{
		HTTP: true, PeerKind: pipeline.PeerIP, Peer: netip.MustParseAddr("192.0.2.1"),
		Method: []byte("GET"), Scheme: []byte("https"), Host: []byte("api.example.com"), Path: []byte("/orders"),
		Headers: []pipeline.Field{{Name: []byte("x-api-key"), Value: []byte(text)}},
	}, d)
	return d.Reason
}
