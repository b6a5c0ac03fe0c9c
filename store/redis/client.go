package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrAway means that Redis was not asked, or did not answer within the budget.
// Whoever gets it goes on without Redis.
var ErrAway = errors.New("redis is away")

// Client is the connection of a process to its Redis: one server, a master
// watched by Sentinels, or a Cluster. It is safe for use by many goroutines.
type Client struct {
	options Options
	redis   redis.UniversalClient
}

// Open makes a client. It does not connect: a Redis that is away is no reason
// not to start.
func Open(_ context.Context, o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	full := o.withDefaults()
	return &Client{options: full, redis: redis.NewUniversalClient(full.universal())}, nil
}

// universal is the library's form of the options. The library neither tries
// again nor waits longer than the caller's context: a call that fails is
// answered without Redis.
func (o *Options) universal() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: o.Addresses, IsClusterMode: o.Cluster, MasterName: o.MasterName,
		Username: o.Username, Password: o.Password,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
		DB: o.Database, TLSConfig: o.TLS, ClientName: "credence", DisableIdentity: true,
		MaxRetries: -1, DialerRetries: 1, MaxRedirects: 3, ContextTimeoutEnabled: true,
		DialTimeout: o.DialTimeout, ReadTimeout: o.Budget, WriteTimeout: o.Budget, PoolTimeout: o.Budget,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Universal is the library's client, for what [Client.Call] does not fit:
// scripts that are loaded at the start, subscriptions.
func (c *Client) Universal() redis.UniversalClient { return c.redis }

// Key is the full name of a key or channel: all of a deployment share a prefix.
// Parts that must lie together in a Cluster carry a {hash tag} of their own.
func (c *Client) Key(name string) string { return "crd:" + c.options.Deployment + ":" + name }

// Call asks Redis within the client's budget. It answers ErrAway, wrapped, at
// once while Redis is known to be away, and when it does not answer in time or
// fails. What fn answers for other reasons (redis.Nil among them) comes back
// as it is.
func (c *Client) Call(ctx context.Context, fn func(ctx context.Context, r redis.UniversalClient) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Budget)
	defer cancel()
	err := fn(ctx, c.redis)
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Close releases the connections; the client is of no use afterwards.
func (c *Client) Close() error { return c.redis.Close() }
