package redis_test

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
	"credence/store/redis"
	"credence/test/redisserver"
)

// hourly comes back so slowly that a test sees its burst alone.
var hourly = limit.Limit{Name: "hour", Limit: 300, Period: time.Hour}

// TestAFailoverOfSentinelCostsAtMostOneMoreBurst, and so does the loss of the
// node of a Cluster in the next test: whether the new primary had the budget or
// not, with what each replica's share has admitted meanwhile. Afterwards Redis is
// asked again.
func TestAFailoverOfSentinelCostsAtMostOneMoreBurst(t *testing.T) {
	for _, exact := range []bool{true, false} {
		t.Run(fmt.Sprintf("exact %t", exact), func(t *testing.T) {
			t.Parallel()
			s := redisserver.StartSentinels(t)
			costsAtMostOneMoreBurst(t, exact, redis.Options{Addresses: s.Addresses(), MasterName: redisserver.MasterName}, func() { s.Failover() })
		})
	}
}

func TestTheLossOfANodeOfAClusterCostsAtMostOneMoreBurst(t *testing.T) {
	for _, exact := range []bool{true, false} {
		t.Run(fmt.Sprintf("exact %t", exact), func(t *testing.T) {
			t.Parallel()
			s := redisserver.StartCluster(t)
			costsAtMostOneMoreBurst(t, exact, redis.Options{Addresses: s.Addresses(), Cluster: true}, func() { s.KillOwner(budgetIn(t, s)) })
		})
	}
}

// budgetIn names the budget that lies in the Cluster.
func budgetIn(t *testing.T, s *redisserver.Cluster) string {
	t.Helper()
	for _, n := range s.All() {
		names, err := n.Admin().Keys(t.Context(), "crd:test:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 0 {
			return names[0]
		}
	}
	t.Fatal("no budget lies in the Cluster")
	return ""
}

// costsAtMostOneMoreBurst spends a third of a limit, then goes on while its
// Redis is lost, until all is spent.
func costsAtMostOneMoreBurst(t *testing.T, exact bool, o redis.Options, lose func()) {
	t.Helper()
	const wait = 200 * time.Millisecond
	o.Deployment, o.Now, o.Logger = "test", time.Now, slog.New(slog.DiscardHandler)
	o.Budget, o.DialTimeout = wait, time.Second
	var limiters []*limiter.Limiter
	for i := range 3 {
		c, err := redis.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		l := newLimiter(t, c, fmt.Sprint("replica-", i), exact, wait)
		l.SetShare(i, 3)
		limiters = append(limiters, l)
	}
	limits := []pipeline.SubjectLimit{{Subject: "key:a", Label: "hour", Limit: hourly}}
	var admitted atomic.Int64
	var refused [3]atomic.Int64 // in a row
	take := func(i int) {
		_, ok, err := limiters[i].Take(t.Context(), time.Now(), 1, limits, nil, nil)
		switch {
		case err != nil:
			t.Error(err)
		case ok:
			admitted.Add(1)
			refused[i].Store(0)
		default:
			refused[i].Add(1)
		}
	}
	for i := range 100 {
		take(i % 3)
	}
	if n := admitted.Load(); n != 100 {
		t.Fatalf("%d of 100 admitted before, want all", n)
	}

	over := make(chan struct{})
	var load sync.WaitGroup
	for i := range limiters {
		load.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
					take(i)
				}
			}
		})
	}
	lose()
	// By itself the library goes on asking a node that is gone for a minute.
	redis.UntilWithin(t, 30*time.Second, "every replica asks the new primary, and all is spent", func() error {
		for i, l := range limiters {
			if s := l.Stats().Shared; s.Lost == 0 || s.Away > 0 || refused[i].Load() < 100 {
				return fmt.Errorf("replica %d: %+v, %d refused in a row", i, s, refused[i].Load())
			}
		}
		return nil
	})
	close(over)
	load.Wait()
	t.Logf("%d admitted in all, of a burst of %d", admitted.Load(), hourly.Limit)
	if n := admitted.Load(); n > 2*hourly.Limit+5 || n < hourly.Limit*9/10 {
		t.Errorf("%d admitted, want about a burst of %d, and at most one more", n, hourly.Limit)
	}
}
