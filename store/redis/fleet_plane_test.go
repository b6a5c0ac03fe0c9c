package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"testing/synctest"
	"time"

	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/store"
)

const (
	never        = 1000 * time.Hour // longer than any test goes on
	fleetTTL     = 10 * time.Second
	fleetCeiling = time.Minute
)

// sharedEntries are entries in a hostile Redis, for several writers.
type sharedEntries struct {
	mu sync.Mutex
	hostile
}

func (s *sharedEntries) get(ctx context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostile.get(ctx, name)
}

func (s *sharedEntries) put(ctx context.Context, batch []sealedEntry, life time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostile.put(ctx, batch, life)
}

// plane is a running data plane: the parts that keep it in step, as package
// main puts them together.
type plane struct {
	*port

	shared   *KeyCache
	own      *cache.Cache
	follower *feed.Follower
	asked    map[int]int      // digest: the load in which it was asked for
	answered map[int]answered // when the digest's key was answered last
	held     []*request

	stopChecks, stopFeed context.CancelFunc
	checks, following    sync.WaitGroup
}

// answered is under which circumstances a key was answered.
type answered struct {
	at      instants
	applied store.Position
	load    int
	stamp   string
}

// startPlane starts a process on the machine of the clock.
func (f *fleet) startPlane(c *clock) *plane {
	f.started++
	p := &plane{
		port: &port{
			ledger: f.ledger, clock: c, wake: make(chan struct{}, 1), finds: map[int]*hold{},
			read: map[seen]bool{}, lost: map[seen]bool{},
		},
		asked: map[int]int{}, answered: map[int]answered{},
	}
	var err error
	p.shared, err = newKeyCache(KeyCacheOptions{
		Client: &Client{options: Options{Deployment: "model"}}, Store: p.port, Feed: p.port, Secret: [32]byte{1},
		MaxAge: fleetTTL, Now: c.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler), remembered: 8,
	}, f.redis)
	f.ok(err)
	p.own, err = cache.New(cache.Options{
		Store: p.shared, Secrets: unpeppered{}, Now: c.Now, Warm: p.port, WarmTimeout: never,
		Size: f.size, NegativeSize: 2, RecentChanges: 6,
		TTL: fleetTTL, NegativeTTL: fleetTTL / 2, Ceiling: fleetCeiling,
		LookupWait: never, LookupTimeout: never, StaleWait: never,
	})
	f.ok(err)
	p.follower, err = feed.New(feed.Options{
		Feed: followed{p.port}, Registry: p.port, Subscribers: []feed.Subscriber{p.shared.Guard(), p.own},
		Now: c.Now, Logger: slog.New(slog.DiscardHandler),
		Replica: store.Replica{ID: fmt.Sprintf("rep_%d", f.started), Ceiling: fleetCeiling},
		Poll:    never, MaxBackoff: time.Second, Timeout: never, LoadTimeout: never, Report: time.Second,
	})
	f.ok(err)
	p.run(context.WithoutCancel(f.Context())) // until it is stopped
	return p
}

func (p *plane) run(ctx context.Context) {
	checks, stopChecks := context.WithCancel(ctx)
	following, stopFeed := context.WithCancel(ctx)
	p.stopChecks, p.stopFeed = stopChecks, stopFeed
	p.checks.Go(func() { _ = p.own.Run(checks) })
	p.checks.Go(func() { _ = p.shared.Run(checks) })
	p.following.Go(func() { _ = p.follower.Run(following) })
	synctest.Wait()
}

// stop ends the process. What it holds is let go; nobody looks at the answers.
func (p *plane) stop(crash bool) {
	p.mu.Lock()
	p.cut = p.cut || crash
	holds := []*hold{p.poll, p.warm}
	for _, h := range p.finds {
		holds = append(holds, h)
	}
	p.mu.Unlock()
	for _, h := range append(holds, p.holding...) {
		h.let()
	}
	p.stopChecks()
	p.checks.Wait()
	p.stopFeed()
	p.following.Wait()
}

// push wakes the follower, once at least.
func (p *plane) push() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
	synctest.Wait()
}
