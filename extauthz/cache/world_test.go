package cache_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cache over a real database, with a clock that stands still and a
// gate between the two.
type world struct {
	testing.TB
	store   *store.Store
	secrets *credential.Secrets
	clock   *clock
	gate    *gate
	cache   *cache.Cache

	mu   sync.Mutex
	seen store.Position // what the cache has applied
	keys int
}

func newWorld(tb testing.TB, change func(*cache.Options)) *world {
	tb.Helper()
	w := &world{TB: tb, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	db := sqlitetest.Open(tb, w.clock.Now)
	keyset, err := seal.NewKeyset()
	w.ok(err)
	w.secrets = w.pepperedSecrets()
	w.store = store.New(db, keyset, w.clock.Now)
	w.gate = &gate{KeyFinder: db}
	options := cache.Options{
		Store: w.gate, Secrets: w.secrets, Now: w.clock.Now,
		TTL: time.Minute, NegativeTTL: 10 * time.Second, Ceiling: 5 * time.Minute,
		// Patient, so that a busy machine is no failing store.
		LookupWait: time.Minute, LookupTimeout: time.Minute, StaleWait: time.Minute,
	}
	if change != nil {
		change(&options)
	}
	w.cache, err = cache.New(options)
	w.ok(err)
	w.ok(w.cache.Load(tb.Context()))
	w.sync()
	return w
}

// pepperedSecrets have two peppers, so that each digest has three hashes.
func (w *world) pepperedSecrets() *credential.Secrets {
	w.Helper()
	path := filepath.Join(w.TempDir(), "secrets.json")
	_, err := credential.CreateSecrets(path, rand.Reader)
	w.ok(err)
	content, err := os.ReadFile(path)
	w.ok(err)
	var file map[string]any
	w.ok(json.Unmarshal(content, &file))
	var peppers []map[string]any
	for _, id := range []string{"p1", "p2"} {
		secret := make([]byte, 32)
		_, err = rand.Read(secret)
		w.ok(err)
		peppers = append(peppers, map[string]any{"id": id, "secret": secret})
	}
	file["pepper"] = map[string]any{"current": "p2", "secrets": peppers}
	content, err = json.Marshal(file)
	w.ok(err)
	w.ok(os.WriteFile(path, content, 0o600))
	secrets, err := credential.LoadSecrets(path)
	w.ok(err)
	return secrets
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// do changes something, with its audit entry.
func (w *world) do(fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	_, err := w.store.InTx(context.WithoutCancel(w.Context()), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "test", Action: "test.change", Object: "test"})
		return fn(ctx, tx)
	})
	w.ok(err)
}

// mint makes a key text and answers its digest; no key has it yet.
func (w *world) mint() credential.Digest {
	w.Helper()
	text, _, err := w.secrets.Mint(rand.Reader, "crd", "test")
	w.ok(err)
	return text.Digest()
}

// create makes a key with the digest and answers its id.
func (w *world) create(digest credential.Digest, change func(*store.Key)) string {
	w.Helper()
	w.mu.Lock()
	w.keys++
	id := fmt.Sprintf("%s%026d", store.KeyIDPrefix, w.keys)
	w.mu.Unlock()
	now := w.clock.Now()
	k := store.Key{
		KeyID: id, Namespace: store.DefaultNamespace, Name: "sample", KeyType: store.KeyTypeService,
		Status: store.StatusActive, Environment: "test", CreatedAt: now, UpdatedAt: now, StatusAt: now, Version: 1,
	}
	k.Hash, k.PepperID = w.secrets.Hash(digest)
	if change != nil {
		change(&k)
	}
	w.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKey(ctx, k) })
	return id
}

// known makes a key and has the cache hold it.
func (w *world) known() (digest credential.Digest, id string) {
	w.Helper()
	digest = w.mint()
	id = w.create(digest, nil)
	w.sync()
	if k, _ := w.find(digest); k == nil {
		w.Fatal("a key that was made is not found")
	}
	return digest, id
}

func (w *world) setStatus(id string, status store.Status) {
	w.Helper()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.Key(ctx, id)
		if err != nil {
			return err
		}
		k.Status, k.StatusReason, k.StatusAt = status, "test", tx.Now()
		return tx.UpdateKey(ctx, k)
	})
}

func (w *world) insertPlanAndOwner() {
	w.Helper()
	now := w.clock.Now()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertPlan(ctx, store.Plan{
			Namespace: store.DefaultNamespace, Name: "basic", CreatedAt: now, UpdatedAt: now, Version: 1,
			Limits: []limit.Limit{{Name: "plan", Limit: 1, Period: time.Second}},
		})
		if err != nil {
			return err
		}
		return tx.InsertOwner(ctx, store.Owner{
			Namespace: store.DefaultNamespace, Name: "team", CreatedAt: now, UpdatedAt: now, Version: 1,
		})
	})
}

// sync does what the follower does: read the feed, apply, report the read.
func (w *world) sync() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.clock.Now()
	for {
		changes, err := w.store.ChangesAfter(context.WithoutCancel(w.Context()), w.seen, 500)
		w.ok(err)
		if len(changes) == 0 {
			break
		}
		w.ok(w.cache.Apply(w.Context(), changes))
		last := changes[len(changes)-1]
		w.seen = store.Position{Revision: last.Revision, ID: last.ID}
	}
	w.cache.CaughtUp(at)
}

func (w *world) find(digest credential.Digest) (*pipeline.Key, pipeline.KeySource) {
	w.Helper()
	k, source, err := w.cache.Find(w.Context(), digest)
	w.ok(err)
	return k, source
}

// status is what Find says of the digest, in one word.
func (w *world) status(digest credential.Digest) store.Status {
	w.Helper()
	if k, _ := w.find(digest); k != nil {
		return k.Status
	}
	return "unknown"
}

func (w *world) wantStatus(digest credential.Digest, want store.Status) {
	w.Helper()
	if got := w.status(digest); got != want {
		w.Errorf("status %q, want %q", got, want)
	}
}

// found is what a Find in the background answered.
type found struct {
	key    *pipeline.Key
	source pipeline.KeySource
	err    error
}

func (w *world) findAside(ctx context.Context, digest credential.Digest) <-chan found {
	answer := make(chan found, 1)
	go func() {
		k, source, err := w.cache.Find(ctx, digest)
		answer <- found{k, source, err}
	}()
	return answer
}

// clock stands still until it is moved.
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

// gate stands between the cache and the database, so that a test can hold an
// answer between the read and the fill, or have the store fail.
type gate struct {
	store.KeyFinder
	reads atomic.Int64
	// after is called with each answer before the cache gets it.
	after atomic.Pointer[func(store.KeyRecord, error) (store.KeyRecord, error)]
}

func (g *gate) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	g.reads.Add(1)
	record, err := g.KeyFinder.FindKey(ctx, hashes)
	if after := g.after.Load(); after != nil {
		return (*after)(record, err)
	}
	return record, err
}

func (g *gate) fail(err error) {
	after := func(store.KeyRecord, error) (store.KeyRecord, error) { return store.KeyRecord{}, err }
	g.after.Store(&after)
}

func (g *gate) open() { g.after.Store(nil) }

// holdNext holds the next answer: it has been read when held is closed, and
// goes to the cache when release is called.
func (g *gate) holdNext() (held <-chan struct{}, release func()) {
	arrived, released := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	after := func(r store.KeyRecord, err error) (store.KeyRecord, error) {
		if once.CompareAndSwap(false, true) {
			close(arrived)
			<-released
		}
		return r, err
	}
	g.after.Store(&after)
	return arrived, func() { close(released) }
}
