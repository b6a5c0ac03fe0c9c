package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
	"credence/store/storetest"
	"credence/test/redisserver"
)

// inFront is a database with Redis in front of it, whose guard is always in
// step.
type inFront struct {
	*sqlite.DB

	keys *KeyCache
	feed *Feed
}

func (b *inFront) Head(ctx context.Context) (store.Position, error) { return b.feed.Head(ctx) }

func (b *inFront) Wake(ctx context.Context) <-chan struct{} { return b.feed.Wake(ctx) }

func (b *inFront) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	return b.feed.ChangesAfter(ctx, after, limit)
}

// FindKey looks twice, so that the second answer is the shared one where there
// is one to be shared.
func (b *inFront) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	if len(hashes) == 0 {
		return b.keys.FindKey(ctx, hashes)
	}
	at, loaded := b.keys.guard.position()
	changes, err := b.DB.ChangesAfter(ctx, at, 1000)
	if !loaded || err != nil {
		err = b.keys.guard.Load(ctx)
	} else {
		err = b.keys.guard.Apply(ctx, changes)
	}
	if err != nil {
		return store.KeyRecord{}, err
	}
	first, firstErr := b.keys.FindKey(ctx, hashes)
	if batch := b.keys.collect(nil); len(batch) > 0 {
		if err := b.keys.write(ctx, batch); err != nil {
			return store.KeyRecord{}, err
		}
	}
	second, err := b.keys.FindKey(ctx, hashes)
	if (firstErr == nil) != (err == nil) || first.KeyID != second.KeyID {
		return store.KeyRecord{}, errors.New("two answers")
	}
	return second, err
}

func TestConformance(t *testing.T) {
	server := redisserver.Start(t)
	var deployments, hits atomic.Int64
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
			t.Helper()
			db := sqlitetest.Open(t, now)
			c := openPatient(t, Options{
				Addresses: []string{server.Address()}, Deployment: "d" + strconv.FormatInt(deployments.Add(1), 10),
			})
			keys, err := NewKeyCache(KeyCacheOptions{
				Client: c, Store: db, Feed: db, Secret: [32]byte{1}, Now: time.Now, Random: rand.Reader,
				Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { hits.Add(keys.Stats().Hits) })
			return &inFront{DB: db, keys: keys, feed: NewFeed(c, db)}
		})
	})
	if hits.Load() == 0 {
		t.Error("Redis never answered: the suite proves nothing")
	}
}

// openPatient opens a client that a busy machine does not make fail, unless
// the options say otherwise, and closes it when the test ends.
func openPatient(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Budget == 0 {
		o.Budget = time.Minute
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = time.Minute
	}
	if o.Deployment == "" {
		o.Deployment = "test"
	}
	o.Now, o.Logger = time.Now, slog.New(slog.DiscardHandler)
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // a test may have closed it
	return c
}
