package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"credence/extauthz"
	"credence/extauthz/feed"
	"credence/store"
	"credence/store/certfile"
	"credence/store/redis"
	"credence/store/secretfile"
)

// redisConfig is what an operator can say about Redis.
type redisConfig struct {
	Address              string // "" for none
	PasswordFile         string
	SentinelPasswordFile string
	CA, Cert, Key        string
	Budget               time.Duration
	PoolSize             int
	KeyCache             bool
}

func redisSettings() []setting {
	return []setting{
		{inRun, "redis", "address", "", "Redis that the replicas share: " + redis.Forms + "; none when empty", redisAddress},
		{inRun, "redis-password-file", "file", "", "password of Redis, mode 0640 or narrower", text(func(c *config) *string { return &c.Redis.PasswordFile })},
		{inRun, "redis-sentinel-password-file", "file", "", "password of the Sentinels, if they have one", text(func(c *config) *string { return &c.Redis.SentinelPasswordFile })},
		{inRun, "redis-tls-ca", "file", "", "authorities (PEM) of the certificate of Redis, with rediss://; the system's when empty", text(func(c *config) *string { return &c.Redis.CA })},
		{inRun, "redis-tls-cert", "file", "", "certificate (PEM) that is shown to Redis (mTLS)", text(func(c *config) *string { return &c.Redis.Cert })},
		{inRun, "redis-tls-key", "file", "", "its private key (PEM), mode 0640 or narrower", text(func(c *config) *string { return &c.Redis.Key })},
		{inRun, "redis-budget", "duration", "25ms", "the longest that a Check waits for Redis; then it goes on without", duration(func(c *config) *time.Duration { return &c.Redis.Budget }, time.Millisecond, time.Second)},
		{inRun, "redis-pool-size", "n", "32", "connections to each Redis server at most", number(func(c *config) *int { return &c.Redis.PoolSize }, 1, 1024)},
		{inData, "redis-key-cache", "bool", "true", "share key records, sealed, through Redis", boolean(func(c *config) *bool { return &c.Redis.KeyCache })},
	}
}

// redisAddress refuses what is no address, without quoting it: it may hold a
// password.
func redisAddress(c *config, v string) error {
	if v == "" {
		return nil
	}
	if _, _, err := redis.ParseAddress(v); err != nil {
		return err
	}
	c.Redis.Address = v
	return nil
}

// redisOptions turns settings into the options of the client.
func redisOptions(c redisConfig, deployment string, logger *slog.Logger) (redis.Options, error) {
	o, secured, err := redis.ParseAddress(c.Address)
	if err != nil {
		return o, usageError{fmt.Errorf("redis: %w", err)}
	}
	o.Deployment, o.Budget, o.PoolSize, o.Now, o.Logger = deployment, c.Budget, c.PoolSize, time.Now, logger
	for _, from := range []struct {
		name, file string
		password   *string
	}{
		{"redis-password-file", c.PasswordFile, &o.Password},
		{"redis-sentinel-password-file", c.SentinelPasswordFile, &o.SentinelPassword},
	} {
		if from.file == "" {
			continue
		}
		if *from.password != "" {
			return o, usageError{fmt.Errorf("%s: the address has a password, too: take it out there", from.name)}
		}
		content, err := secretfile.Read(from.file)
		if err != nil {
			return o, fmt.Errorf("%s: %w", from.name, err)
		}
		if *from.password = string(bytes.TrimSpace(content)); *from.password == "" {
			return o, usageError{fmt.Errorf("%s: %s is empty: write the password into it", from.name, from.file)}
		}
	}
	files := certfile.ClientOptions{CAFile: c.CA, CertFile: c.Cert, KeyFile: c.Key}
	if !secured {
		if files.Given() {
			return o, usageError{errors.New("redis-tls-ca, redis-tls-cert, redis-tls-key: the address does not ask for TLS: begin it with rediss")}
		}
		return o, nil
	}
	if o.TLS, err = files.Config(); err != nil {
		return o, fmt.Errorf("redis-tls: %w", err)
	}
	return o, nil
}

// openRedis makes the client when there is to be one. It does not wait for
// Redis: nothing needs it.
func (d *deployment) openRedis(ctx context.Context) error {
	if d.config.Redis.Address == "" {
		return nil
	}
	o, err := redisOptions(d.config.Redis, d.secrets.Fingerprint(), d.logger)
	if err != nil {
		return err
	}
	o.Down = d.noRedis.Load
	if d.redis, err = redis.Open(ctx, o); err != nil {
		return usageError{err}
	}
	d.registry.MustRegister(d.redis)
	d.logger.InfoContext(ctx, "redis", slog.String("address", maskURL(d.config.Redis.Address)))
	if o.TLS == nil && !allLoopback(o.Addresses) {
		d.logger.WarnContext(ctx, "connections to redis are not encrypted; begin its address with rediss")
	}
	return nil
}

func allLoopback(addresses []string) bool {
	for _, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			return false
		}
		address, err := netip.ParseAddr(host)
		if !strings.EqualFold(host, "localhost") && (err != nil || !address.IsLoopback()) {
			return false
		}
	}
	return true
}

// closeRedis ends what openRedis began.
func (d *deployment) closeRedis() error {
	if d.redis == nil {
		return nil
	}
	return d.redis.Close()
}

// redisPart is what the status port says of Redis. Without it the process is
// as ready as with it.
func (d *deployment) redisPart() []extauthz.Part {
	if d.redis == nil {
		return nil
	}
	return []extauthz.Part{{Name: "redis", Check: func() error { return nil }, Note: d.redis.Note}}
}

// shared is what a data plane reads from, with Redis in front where there is
// one.
type shared struct {
	keys  store.KeyFinder
	feed  store.ChangeFeed
	first []feed.Subscriber // what follows the feed before the key cache
}

// shareThroughRedis puts Redis in front of the database.
func (d *deployment) shareThroughRedis(w *work) (shared, error) {
	s := shared{keys: d.data, feed: d.data}
	if d.redis == nil {
		return s, nil
	}
	pushed := redis.NewFeed(d.redis, d.data)
	s.feed = pushed
	d.registry.MustRegister(pushed)
	w.back.Go(func() error { return pushed.Run(w.lasting) })
	if !d.config.Redis.KeyCache {
		return s, nil
	}
	keys, err := redis.NewKeyCache(redis.KeyCacheOptions{
		Client: d.redis, Store: d.data, Feed: d.data, Secret: d.secrets.SnapshotKey(),
		// Keys in use are read again at half of the TTL: from the database then.
		MaxAge: d.config.CacheTTL / 2, Now: time.Now, Random: rand.Reader, Logger: d.logger,
	})
	if err != nil {
		return s, err
	}
	s.keys, s.first = keys, []feed.Subscriber{keys.Guard()}
	d.registry.MustRegister(keys)
	w.back.Go(func() error { return keys.Run(w.lasting) })
	return s, nil
}

// pushChanges has a control plane tell the replicas of changes.
func (d *deployment) pushChanges(w *work) {
	if d.redis != nil {
		w.back.Go(func() error { return redis.Publish(w.lasting, d.redis, d.backend) })
	}
}
