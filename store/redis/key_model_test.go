package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/cache"
	"credence/store"
	"credence/store/credential"
)

// hostile holds entries as Redis would, and everything that was ever written.
type hostile struct {
	now map[string][]byte
	log []sealedEntry
}

func (h *hostile) get(_ context.Context, name string) ([]byte, error) {
	if sealed, ok := h.now[name]; ok {
		return sealed, nil
	}
	return nil, errors.New("none")
}

func (h *hostile) put(_ context.Context, batch []sealedEntry, _ time.Duration) error {
	for _, o := range batch {
		h.now[o.name] = o.sealed
		h.log = append(h.log, o)
	}
	return nil
}

// history is a database in memory: keys, and the feed of their changes. A key
// says in Environment when it was written, counted over all histories.
type history struct {
	keys  map[credential.Hash]store.KeyRecord
	feed  []store.Change
	stamp int
}

func (h *history) FindKey(_ context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	for _, one := range hashes {
		if k, ok := h.keys[one]; ok {
			return k, nil
		}
	}
	return store.KeyRecord{}, store.ErrNotFound
}

func (h *history) Head(context.Context) (store.Position, error) {
	if len(h.feed) == 0 {
		return store.Position{}, nil
	}
	last := h.feed[len(h.feed)-1]
	return store.Position{Revision: last.Revision, ID: last.ID}, nil
}

func (h *history) ChangesAfter(_ context.Context, after store.Position, limit int) ([]store.Change, error) {
	if after.Revision > store.Revision(len(h.feed)) || after.Revision > 0 && h.feed[after.Revision-1].ID != after.ID {
		return nil, store.ErrFeedGap
	}
	rest := h.feed[after.Revision:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (h *history) Wake(context.Context) <-chan struct{} { return nil }

// write changes a key, or what it rests on.
func (h *history) write(k store.KeyRecord, kind store.ChangeKind, object string) {
	h.stamp++
	k.Environment = strconv.Itoa(h.stamp)
	h.keys[k.Hash] = k
	h.feed = append(h.feed, store.Change{
		Revision: store.Revision(len(h.feed) + 1), ID: "c" + strconv.Itoa(h.stamp), Kind: kind,
		Namespace: k.Namespace, ObjectID: object, Hash: k.Hash,
	})
}

// replica is a data plane: guard, shared cache and its own cache.
type replica struct {
	shared  *KeyCache
	own     *cache.Cache
	applied store.Position
}

// world is what the model test drives.
type world struct {
	t        *rapid.T
	db       *history
	redis    *hostile
	clock    time.Time
	secrets  *credential.Secrets
	digests  []credential.Digest
	replicas []*replica
	backup   *history
	// allowed are the stamps each replica may answer for each key: the one
	// when it last read the feed, and those written since.
	allowed []map[credential.Hash]map[string]bool
}

func newWorld(t *rapid.T, secrets *credential.Secrets) *world {
	w := &world{
		t: t, db: &history{keys: map[credential.Hash]store.KeyRecord{}}, redis: &hostile{now: map[string][]byte{}},
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), secrets: secrets,
	}
	for i := range 3 {
		digest := credential.DigestOf([]byte{byte(i)})
		hash, _ := secrets.Hash(digest)
		w.digests = append(w.digests, digest)
		w.db.write(store.KeyRecord{Key: store.Key{
			KeyID: fmt.Sprintf("key_%d", i), Namespace: "default", Plan: "basic", Owner: "team",
			KeyType: store.KeyTypeUser, Status: store.StatusActive, Hash: hash,
		}}, store.ChangeKey, fmt.Sprintf("key_%d", i))
	}
	for range 3 {
		w.allowed = append(w.allowed, nil)
		w.replicas = append(w.replicas, w.newReplica())
		w.sync(len(w.replicas) - 1)
	}
	return w
}

func (w *world) ok(err error) {
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time { return w.clock }

func (w *world) newReplica() *replica {
	r := &replica{}
	var err error
	// The client is never asked: the entries are the model's.
	r.shared, err = newKeyCache(KeyCacheOptions{
		Client: &Client{options: Options{Deployment: "model"}}, Store: w.db, Feed: w.db, Secret: [32]byte{1},
		MaxAge: time.Minute, Now: w.now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler), remembered: 8,
	}, w.redis)
	w.ok(err)
	r.own, err = cache.New(cache.Options{
		Store: r.shared, Secrets: w.secrets, Now: w.now, Size: 2, TTL: 2 * time.Minute, Ceiling: 1000 * time.Hour,
		LookupWait: time.Minute, LookupTimeout: time.Minute, StaleWait: time.Minute, RecentChanges: 16,
	})
	w.ok(err)
	w.load(r)
	return r
}

func (w *world) load(r *replica) {
	head, err := w.db.Head(w.t.Context())
	w.ok(err)
	w.ok(r.shared.Guard().Load(w.t.Context()))
	w.ok(r.own.Load(w.t.Context()))
	r.applied = head
	r.own.CaughtUp(w.clock)
}

// sync has a replica read the feed to its end, as the follower does.
func (w *world) sync(i int) {
	r := w.replicas[i]
	changes, err := w.db.ChangesAfter(w.t.Context(), r.applied, 1000)
	if err != nil {
		r.shared.Guard().Restart()
		r.own.Restart()
		w.load(r)
	}
	w.ok(r.shared.Guard().Apply(w.t.Context(), changes))
	w.ok(r.own.Apply(w.t.Context(), changes))
	r.own.CaughtUp(w.clock)
	r.applied, err = w.db.Head(w.t.Context())
	w.ok(err)
	w.allowed[i] = map[credential.Hash]map[string]bool{}
	w.allow(i)
}

func (w *world) allow(i int) {
	for hash, k := range w.db.keys {
		if w.allowed[i][hash] == nil {
			w.allowed[i][hash] = map[string]bool{}
		}
		w.allowed[i][hash][k.Environment] = true
	}
}

func (w *world) anyReplica() int { return rapid.IntRange(0, len(w.replicas)-1).Draw(w.t, "replica") }

func (w *world) change(*rapid.T) {
	hash, _ := w.secrets.Hash(rapid.SampledFrom(w.digests).Draw(w.t, "key"))
	k := w.db.keys[hash]
	switch rapid.IntRange(0, 4).Draw(w.t, "of") {
	case 0, 1:
		w.db.write(k, store.ChangeKey, k.KeyID)
	case 2:
		w.db.write(k, store.ChangePlan, k.Plan)
	case 3:
		w.db.write(k, store.ChangeOwner, k.Owner)
	case 4:
		w.db.write(k, store.ChangeNamespace, k.Namespace)
	}
	for i := range w.replicas {
		w.allow(i)
	}
}

func (w *world) find(*rapid.T) {
	i := w.anyReplica()
	digest := rapid.SampledFrom(w.digests).Draw(w.t, "key")
	hash, _ := w.secrets.Hash(digest)
	key, _, err := w.replicas[i].own.Find(w.t.Context(), digest)
	w.ok(err)
	if key == nil || key.Hash != hash || !w.allowed[i][hash][key.Environment] {
		w.t.Fatalf("replica %d answers %+v, allowed %v", i, key, slices.Collect(maps.Keys(w.allowed[i][hash])))
	}
	// The writer runs beside the requests; here it does at any time.
	if batch := w.replicas[i].shared.collect(nil); len(batch) > 0 {
		w.ok(w.replicas[i].shared.write(w.t.Context(), batch))
	}
}

// attack does what a hostile Redis can.
func (w *world) attack(*rapid.T) {
	if len(w.redis.log) == 0 {
		return
	}
	old := rapid.SampledFrom(w.redis.log).Draw(w.t, "entry")
	switch rapid.IntRange(0, 3).Draw(w.t, "attack") {
	case 0: // replay
		w.redis.now[old.name] = old.sealed
	case 1: // move
		w.redis.now[rapid.SampledFrom(w.redis.log).Draw(w.t, "place").name] = old.sealed
	case 2: // change
		changed := slices.Clone(old.sealed)
		changed[rapid.IntRange(0, len(changed)-1).Draw(w.t, "byte")] ^= 1
		w.redis.now[old.name] = changed
	case 3: // forget
		clear(w.redis.now)
	}
}

// TestNothingThatRedisAnswersIsOlderThanWhatTheReplicaHasApplied: whatever
// Redis replays, moves, changes or forgets, and whatever happens to replicas
// and database, a replica that has applied the feed answers the key as it is
// then, or later.
func TestNothingThatRedisAnswersIsOlderThanWhatTheReplicaHasApplied(t *testing.T) {
	secrets, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var hits int64
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, secrets)
		t.Repeat(map[string]func(*rapid.T){
			"change": w.change,
			"find":   w.find, "find again": w.find, "and again": w.find,
			"sync":   func(*rapid.T) { w.sync(w.anyReplica()) },
			"attack": w.attack,
			"wait":   func(*rapid.T) { w.clock = w.clock.Add(30 * time.Second) },
			"restart": func(*rapid.T) {
				i := w.anyReplica()
				hits += w.replicas[i].shared.Stats().Hits
				w.replicas[i] = w.newReplica()
				w.sync(i)
			},
			"back up": func(*rapid.T) {
				w.backup = &history{keys: maps.Clone(w.db.keys), feed: slices.Clone(w.db.feed)}
			},
			"restore": func(*rapid.T) {
				if w.backup == nil {
					return
				}
				w.db.keys, w.db.feed = maps.Clone(w.backup.keys), slices.Clone(w.backup.feed)
				for i, r := range w.replicas {
					w.allow(i)
					// Who stands within the backup cannot see that there was
					// another history after it. What it read of that itself
					// stays until its TTL, with Redis or without; what others
					// read must not come in addition.
					if r.applied.Revision <= store.Revision(len(w.db.feed)) {
						w.replicas[i] = w.newReplica()
						w.sync(i)
					}
				}
			},
		})
		for _, r := range w.replicas {
			hits += r.shared.Stats().Hits
		}
	})
	if hits == 0 {
		t.Error("no entry was ever used: the test proves nothing")
	}
}
