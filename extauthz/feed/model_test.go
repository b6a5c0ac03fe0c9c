package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
)

// The model: for each digest, what was true at each revision. Whatever happens
// in between, an answer must have been true at some moment between the
// revision that was applied when the request began and the head when it ended.
// So a key that was revoked at an applied revision never comes back, a created
// one is known at once, and a changed plan is seen.
//
// Database, cache and follower are the real ones. The test decides when the
// follower takes a step, when the answer of the store reaches the cache, and
// when the store fails. Everything is small, so that entries are evicted and
// changes forgotten all the time.
//
// Several replicas, receipts, warming, reports, a hostile Redis, restored
// backups and clocks are the matter of the larger model in store/redis
// (fleet_model_test.go), whose database is a simpler one.
func TestNoFillPushOrRestartBringsARevokedKeyBack(t *testing.T) {
	db, st := openStore(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, db, st)
		defer m.finish()
		// Named several times: what has to meet often for anything to go wrong. An
		// action that does not apply, such as a release while nothing is held, does
		// nothing.
		t.Repeat(map[string]func(*rapid.T){
			"find": m.find, "find again": m.find, "find once more": m.find,
			"find and hold": m.findAndHold, "join what holds": m.joinHeld, "release": m.release,
			"change key": m.changeKey, "change key again": m.changeKey, "change plan": m.changePlan,
			"follow": m.follow, "follow again": m.follow,
			"trouble": m.trouble,
		})
	})
}

const (
	modelDigests = 3
	modelPending = 8 // look-ups that wait at once
	modelCeiling = time.Minute
)

// truth is what the data plane must know of a digest.
type truth struct {
	status store.Status // "" when no key has the digest
	plan   int64        // the limit that its plan gives it
}

type model struct {
	*rapid.T
	store    *store.Store
	feed     *faultyFeed
	gate     *holdingStore
	cache    *cache.Cache
	follower *Follower
	now      time.Time

	digests [modelDigests]credential.Digest
	keys    [modelDigests]string
	plan    string
	limit   int64
	head    store.Revision
	history [modelDigests]map[store.Revision]truth
	pending []request
}

// request is a Find that has begun.
type request struct {
	digest int
	since  store.Revision // applied when it began
	answer chan pipeline.Key
	failed chan error
	held   chan struct{} // closed to let the store's answer through; nil for who joined
}

func openStore(t *testing.T) (*sqlite.DB, *store.Store) {
	t.Helper()
	db := sqlitetest.Open(t, time.Now)
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	return db, store.New(db, keyset, time.Now)
}

func newModel(t *rapid.T, db *sqlite.DB, st *store.Store) *model {
	m := &model{T: t, store: st, feed: &faultyFeed{ChangeFeed: db}, gate: &holdingStore{KeyFinder: db}, now: time.Now(), limit: 1}
	var err error
	m.cache, err = cache.New(cache.Options{
		Store: m.gate, Secrets: plain{}, Now: func() time.Time { return m.now },
		Size: 2, NegativeSize: 2, RecentChanges: 6,
		TTL: 10 * time.Second, NegativeTTL: 5 * time.Second, Ceiling: modelCeiling,
		LookupWait: time.Hour, LookupTimeout: time.Hour, StaleWait: time.Hour,
	})
	m.ok(err)
	m.follower, err = New(Options{
		Feed: m.feed, Subscribers: []Subscriber{m.cache}, Now: func() time.Time { return m.now },
		Logger: slog.New(slog.DiscardHandler),
	})
	m.ok(err)
	m.plan = m.id("plan-")
	m.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertPlan(ctx, store.Plan{Namespace: store.DefaultNamespace, Name: m.plan, Limits: m.limits(), CreatedAt: m.now, UpdatedAt: m.now, Version: 1})
	})
	for i := range m.digests {
		m.digests[i] = credential.DigestOf([]byte(m.id("digest")))
		m.history[i] = map[store.Revision]truth{m.head: {}}
	}
	m.ok(m.follower.load(m.Context()))
	return m
}

func (m *model) ok(err error) {
	if err != nil {
		m.Fatalf("%v", err)
	}
}

func (m *model) id(prefix string) string {
	id, err := store.NewID(prefix, time.Now(), rand.Reader)
	m.ok(err)
	return id
}

func (m *model) limits() []limit.Limit {
	return []limit.Limit{{Name: "plan", Limit: m.limit, Period: time.Second}}
}

func (m *model) change(fn func(ctx context.Context, tx *store.Tx) error) {
	position, err := m.store.InTx(m.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "test", Action: "test.change", Object: "test"})
		return fn(ctx, tx)
	})
	m.ok(err)
	m.head = position.Revision
}

// became notes what is true of the digest from the head on.
func (m *model) became(i int, now truth) { m.history[i][m.head] = now }

// at is what was true of the digest at the revision.
func (m *model) at(i int, revision store.Revision) truth {
	for ; ; revision-- {
		if is, changed := m.history[i][revision]; changed {
			return is
		}
	}
}

func (m *model) changeKey(t *rapid.T) {
	i := rapid.IntRange(0, modelDigests-1).Draw(t, "digest")
	switch {
	case m.keys[i] == "":
		m.createKey(i)
	case rapid.IntRange(0, 4).Draw(t, "purge") == 4:
		m.purgeKey(i)
	default:
		m.setStatus(t, i)
	}
}

func (m *model) trouble(t *rapid.T) {
	rapid.SampledFrom([]func(*rapid.T){m.gap, m.feedFails, m.storeFails, m.timePasses}).Draw(t, "trouble")(t)
}

func (m *model) createKey(i int) {
	m.keys[i] = m.id(store.KeyIDPrefix)
	m.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertKey(ctx, store.Key{
			KeyID: m.keys[i], Namespace: store.DefaultNamespace, Name: "sample", KeyType: store.KeyTypeService,
			Status: store.StatusActive, Environment: "test", Plan: m.plan, Hash: credential.Hash(m.digests[i]), Version: 1,
			CreatedAt: m.now, UpdatedAt: m.now, StatusAt: m.now,
		})
	})
	m.became(i, truth{store.StatusActive, m.limit})
}

func (m *model) setStatus(t *rapid.T, i int) {
	status := rapid.SampledFrom([]store.Status{store.StatusActive, store.StatusDisabled, store.StatusRevoked}).Draw(t, "status")
	m.change(func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.Key(ctx, m.keys[i])
		if err != nil {
			return err
		}
		k.Status = status
		return tx.UpdateKey(ctx, k)
	})
	m.became(i, truth{status, m.limit})
}

func (m *model) purgeKey(i int) {
	m.change(func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.Key(ctx, m.keys[i])
		if err != nil {
			return err
		}
		return tx.PurgeKey(ctx, k)
	})
	m.keys[i] = ""
	m.became(i, truth{})
}

func (m *model) changePlan(*rapid.T) {
	m.limit++
	m.change(func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Plan(ctx, store.DefaultNamespace, m.plan)
		if err != nil {
			return err
		}
		p.Limits = m.limits()
		return tx.UpdatePlan(ctx, p)
	})
	for i := range m.keys {
		if m.keys[i] != "" {
			m.became(i, truth{m.at(i, m.head).status, m.limit})
		}
	}
}

func (m *model) follow(t *rapid.T) {
	for {
		more, err := m.follower.step(m.Context())
		if err != nil {
			t.Fatalf("step: %v", err)
		}
		if !more {
			break
		}
	}
	if m.follower.Applied().Revision != m.head {
		t.Fatalf("applied %d, head %d", m.follower.Applied().Revision, m.head)
	}
}

func (m *model) gap(t *rapid.T) {
	if !m.follower.loaded {
		return // between a gap and its load
	}
	m.feed.next = store.ErrFeedGap
	more, err := m.follower.step(m.Context())
	if !more || err != nil {
		t.Fatalf("a gap: more %v, error %v", more, err)
	}
	if rapid.Bool().Draw(t, "and load") {
		m.follow(t)
	}
}

func (m *model) feedFails(t *rapid.T) {
	if !m.follower.loaded {
		return // between a gap and its load
	}
	m.feed.next = store.ErrUnavailable
	if _, err := m.follower.step(m.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("step: %v", err)
	}
}

func (m *model) storeFails(t *rapid.T) { m.gate.setFailing(rapid.Bool().Draw(t, "failing")) }

func (m *model) timePasses(t *rapid.T) {
	if len(m.pending) > 0 {
		return // a look-up is held, and reads the clock when it goes on
	}
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "seconds")) * time.Second)
}

func (m *model) heldDigest(i int) bool {
	for _, r := range m.pending {
		if r.digest == i {
			return true
		}
	}
	return false
}

// free draws a digest whose look-up is not held; there is none when all are.
func (m *model) free(t *rapid.T) (digest int, ok bool) {
	var free []int
	for i := range m.digests {
		if !m.heldDigest(i) {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(free).Draw(t, "digest"), true
}

// find asks for a digest; one whose look-up is held would wait for its release.
func (m *model) find(t *rapid.T) {
	if i, ok := m.free(t); ok {
		m.judge(t, m.begin(i, nil))
	}
}

// begin starts a Find. Unless it is to be held, it runs to its end by itself.
func (m *model) begin(i int, held chan struct{}) request {
	r := request{
		digest: i, since: m.follower.Applied().Revision, held: held,
		answer: make(chan pipeline.Key, 1), failed: make(chan error, 1),
	}
	if !m.follower.loaded {
		r.since = m.head // emptied: only what is true now may be answered
	}
	digest := m.digests[i]
	go func() {
		k, _, err := m.cache.Find(m.Context(), digest)
		switch {
		case err != nil:
			r.failed <- err
		case k == nil:
			r.answer <- pipeline.Key{}
		default:
			r.answer <- *k
		}
	}()
	return r
}

// findAndHold begins a Find whose read of the store, if it needs one, is held
// between the store and the cache.
func (m *model) findAndHold(t *rapid.T) {
	if len(m.pending) >= modelPending {
		return
	}
	i, ok := m.free(t)
	if !ok {
		return
	}
	released := make(chan struct{})
	arrived := m.gate.hold(credential.Hash(m.digests[i]), released)
	r := m.begin(i, released)
	select {
	case <-arrived:
		m.pending = append(m.pending, r)
	case answer := <-r.answer:
		m.gate.unhold(credential.Hash(m.digests[i]))
		r.answer <- answer
		m.judge(t, r)
	case err := <-r.failed:
		m.gate.unhold(credential.Hash(m.digests[i]))
		r.failed <- err
		m.judge(t, r)
	}
}

func (m *model) joinHeld(t *rapid.T) {
	if len(m.pending) == 0 || len(m.pending) >= modelPending {
		return
	}
	i := rapid.SampledFrom(m.pending).Draw(t, "held").digest
	m.pending = append(m.pending, m.begin(i, nil))
}

// release lets the answers of one digest through and judges all who waited.
func (m *model) release(t *rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	m.let(t, rapid.SampledFrom(m.pending).Draw(t, "held").digest)
}

func (m *model) let(t *rapid.T, digest int) {
	var waiting, others []request
	for _, r := range m.pending {
		if r.digest != digest {
			others = append(others, r)
			continue
		}
		waiting = append(waiting, r)
		if r.held != nil {
			close(r.held)
		}
	}
	m.pending = others
	for _, r := range waiting {
		m.judge(t, r)
	}
}

// judge compares an answer with what was true while it was made.
func (m *model) judge(t *rapid.T, r request) {
	var got truth
	select {
	case err := <-r.failed:
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("find: %v", err)
		}
		return // nobody knows: nothing wrong was said
	case k := <-r.answer:
		got.status = k.Status
		for _, l := range k.Limits {
			got.plan = l.Limit.Limit
		}
	}
	if age := m.now.Sub(m.follower.LastRead()); age >= modelCeiling {
		t.Fatalf("answered %+v although the feed was read %s ago", got, age)
	}
	for revision := r.since; revision <= m.head; revision++ {
		if m.at(r.digest, revision) == got {
			return
		}
	}
	t.Fatalf("digest %d: answered %+v, which was not true between revision %d, applied when it began, and %d: %+v",
		r.digest, got, r.since, m.head, m.history[r.digest])
}

func (m *model) finish() {
	for len(m.pending) > 0 {
		m.let(m.T, m.pending[0].digest)
	}
}

// plain makes the digest the only candidate.
type plain struct{}

func (plain) Candidates(d credential.Digest, dst []credential.Hash) []credential.Hash {
	return append(dst, credential.Hash(d))
}

// faultyFeed fails once when it is told to.
type faultyFeed struct {
	store.ChangeFeed
	next error
}

func (f *faultyFeed) ChangesAfter(ctx context.Context, after store.Position, most int) ([]store.Change, error) {
	if err := f.next; err != nil {
		f.next = nil
		return nil, fmt.Errorf("told to: %w", err)
	}
	return f.ChangeFeed.ChangesAfter(ctx, after, most)
}

// holdingStore holds answers back when it is told to.
type holdingStore struct {
	store.KeyFinder
	mu      sync.Mutex
	failing bool
	holds   map[credential.Hash]hold
}

type hold struct{ arrived, released chan struct{} }

func (s *holdingStore) hold(hash credential.Hash, released chan struct{}) (arrived <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds == nil {
		s.holds = make(map[credential.Hash]hold)
	}
	h := hold{make(chan struct{}), released}
	s.holds[hash] = h
	return h.arrived
}

func (s *holdingStore) unhold(hash credential.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holds, hash)
}

func (s *holdingStore) setFailing(failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = failing
}

func (s *holdingStore) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	s.mu.Lock()
	h, held := s.holds[hashes[0]]
	delete(s.holds, hashes[0])
	failing := s.failing
	s.mu.Unlock()
	if failing {
		if held {
			close(h.arrived)
			<-h.released
		}
		return store.KeyRecord{}, store.ErrUnavailable
	}
	record, err := s.KeyFinder.FindKey(ctx, hashes)
	if held {
		close(h.arrived)
		<-h.released
	}
	return record, err
}
