package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"credence/store"
)

// ErrAway means that Redis was not asked, or did not answer within the budget.
// Whoever gets it goes on without Redis.
var ErrAway = errors.New("redis is away")

// The pause between two probes doubles from one bound to the other.
const (
	probePause    = 100 * time.Millisecond
	probeMaxPause = 5 * time.Second
)

// Client is the connection of a process to its Redis: one server, a master
// watched by Sentinels, or a Cluster. It is safe for use by many goroutines.
type Client struct {
	options Options
	redis   redis.UniversalClient
	circuit circuit
	counts  counts

	// awaken starts the probes, each bounded by the client's life.
	awaken func()
	end    context.CancelFunc
	// closing guards working against a Wait that has begun.
	closing sync.Mutex
	closed  bool
	working sync.WaitGroup
}

// counts are what a client did since the start.
type counts struct {
	calls, failures, refused atomic.Int64
	latency                  latency
}

// Open makes a client. It does not connect: a Redis that is away is no reason
// not to start. The client lives until Close; ctx gives it values, not an end.
func Open(ctx context.Context, o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	full := o.withDefaults()
	// The library has one logger for the whole process and writes to standard
	// error by itself.
	redis.SetLogger(libraryLog{store.LibraryLogger(full.Logger)})
	c := &Client{options: full, redis: redis.NewUniversalClient(full.universal())}
	c.circuit.since = full.Now()
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	c.end = end
	c.awaken = func() { c.start(func() { c.probe(living) }) }
	return c, nil
}

// universal is the library's form of the options. The library neither tries
// again nor waits longer than the caller's context: a call that fails is
// answered without Redis. RESP2 needs no more of a server, and gives a hostile
// one less to play with.
func (o *Options) universal() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: o.Addresses, IsClusterMode: o.Cluster, MasterName: o.MasterName,
		Username: o.Username, Password: o.Password,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
		DB: o.Database, ClientName: "credence", DisableIdentity: true, Protocol: 2,
		Dialer:     dialer(o.DialTimeout, o.TLS, o.Down),
		MaxRetries: -1, DialerRetries: 1, MaxRedirects: 3, ContextTimeoutEnabled: true,
		// The budget of a call is in its context; these hold where there is none.
		DialTimeout: o.DialTimeout, ReadTimeout: o.DialTimeout, WriteTimeout: o.DialTimeout, PoolTimeout: o.DialTimeout,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize, PipelinePoolSize: -1,
		ConnMaxLifetime: 30 * time.Minute, ConnMaxIdleTime: 5 * time.Minute,
		ReadBufferSize: 8 << 10, WriteBufferSize: 8 << 10,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Universal is the library's client, for what [Client.Call] does not fit:
// subscriptions, and reads that block. Its calls have no budget but their
// context's.
func (c *Client) Universal() redis.UniversalClient { return c.redis }

// Key is the full name of a key or channel: all of a deployment share a prefix.
// Parts that must lie together in a Cluster carry a {hash tag} of their own.
func (c *Client) Key(name string) string { return "crd:" + c.options.Deployment + ":" + name }

// Call asks Redis within the client's budget. It answers ErrAway, wrapped, at
// once while Redis is known to be away, and when it does not answer in time or
// answers an error. redis.Nil comes back as it is. When the caller's own ctx
// ends first, nothing is concluded about Redis.
func (c *Client) Call(ctx context.Context, fn func(ctx context.Context, r redis.UniversalClient) error) error {
	return c.CallWithin(ctx, c.options.Budget, fn)
}

// CallWithin is Call with another budget, for what no Check waits for.
func (c *Client) CallWithin(ctx context.Context, budget time.Duration, fn func(ctx context.Context, r redis.UniversalClient) error) error {
	if !c.circuit.allows() {
		c.counts.refused.Add(1)
		return ErrAway
	}
	began := c.options.Now()
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	err := c.safely(limited, fn)
	c.counts.calls.Add(1)
	c.counts.latency.observe(c.options.Now().Sub(began))
	if err == nil || errors.Is(err, redis.Nil) {
		c.circuit.succeeded()
		return err
	}
	if ctx.Err() == nil {
		c.counts.failures.Add(1)
		c.lookAround(ctx)
		if c.circuit.failed(err, c.options.Now()) {
			c.options.Logger.WarnContext(ctx, "redis is away, going on without it", slog.Any("error", err))
			c.awaken()
		}
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// lookAround has the library learn in the background who owns which slots. By
// itself it goes on asking a primary that is gone for up to a minute.
func (c *Client) lookAround(ctx context.Context) {
	if cluster, ok := c.redis.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
}

// safely turns a panic of the library into an error: what a hostile server
// sends must not end a process that works without it.
func (c *Client) safely(ctx context.Context, fn func(ctx context.Context, r redis.UniversalClient) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn(ctx, c.redis)
}

// start runs work that Close waits for, unless the client is closed.
func (c *Client) start(work func()) {
	c.closing.Lock()
	defer c.closing.Unlock()
	if !c.closed {
		c.working.Go(work)
	}
}

// probe asks until Redis takes a write again; PING would be answered by a
// master that has become a replica, too.
func (c *Client) probe(ctx context.Context) {
	for pause := probePause; ; pause = min(2*pause, probeMaxPause) {
		// Not all replicas at once, when Redis is back.
		timer := time.NewTimer(pause/2 + rand.N(pause/2)) //nolint:gosec // G404: a pause is no secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := c.prove(ctx); err != nil {
			c.options.Logger.DebugContext(ctx, "redis is still away", slog.Any("error", err))
			continue
		}
		away := c.circuit.close(c.options.Now())
		c.options.Logger.InfoContext(ctx, "redis is back", slog.Duration("away", away))
		return
	}
}

// prove writes something. Of a Cluster every primary has to answer, too: one
// that does not would open the circuit again at once.
func (c *Client) prove(ctx context.Context) error {
	proving, cancel := context.WithTimeout(ctx, c.options.DialTimeout+c.options.Budget)
	defer cancel()
	err := c.safely(proving, func(ctx context.Context, r redis.UniversalClient) error {
		if cluster, ok := r.(*redis.ClusterClient); ok {
			if err := cluster.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error { return one.Ping(ctx).Err() }); err != nil {
				return err
			}
		}
		return r.Set(ctx, c.Key("probe"), "1", time.Minute).Err()
	})
	if err != nil {
		c.lookAround(ctx)
	}
	return err
}

// Close ends the probes and releases the connections; the client is of no use
// afterwards.
func (c *Client) Close() error {
	c.closing.Lock()
	c.closed = true
	c.closing.Unlock()
	c.end()
	err := c.redis.Close()
	c.working.Wait()
	return err
}

// libraryLog is the library's logger.
type libraryLog struct{ logger *slog.Logger }

// Printf implements the library's interface. What it reports of its own
// doings shows in our metrics and in the state of the circuit.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.logger.DebugContext(ctx, "redis library", slog.String("text", fmt.Sprintf(format, v...)))
}
