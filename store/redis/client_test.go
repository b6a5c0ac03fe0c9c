package redis_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"credence/store/redis"
	"credence/test/redisserver"
)

func TestACallReachesASingleServer(t *testing.T) {
	s := redisserver.Start(t)
	c, err := redis.Open(t.Context(), redis.Options{
		Addresses: []string{s.Address()}, Deployment: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	err = c.Call(t.Context(), func(ctx context.Context, r goredis.UniversalClient) error { return r.Ping(ctx).Err() })
	if err != nil {
		t.Error(err)
	}
}
