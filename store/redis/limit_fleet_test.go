package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
	"credence/store/redis"
	"credence/test/redisserver"
)

// noQuotas stand for the store: the keys of these tests have no quotas.
type noQuotas struct{ store.QuotaCounters }

func newLimiter(t *testing.T, c *redis.Client, holder string, exact bool, wait time.Duration) *limiter.Limiter {
	t.Helper()
	l, err := limiter.New(limiter.Options{
		Store: noQuotas{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Budgets: redis.NewBudgets(c, holder), Exact: exact, BudgetWait: wait,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.SetShare(0, 3)
	t.Cleanup(func() { _ = l.Close(context.WithoutCancel(t.Context())) })
	return l
}

// spendUp takes from all limiters in turn and answers how many were admitted.
func spendUp(t *testing.T, limiters []*limiter.Limiter, limits []pipeline.SubjectLimit) (admitted int) {
	t.Helper()
	for i := range 300 {
		_, ok, err := limiters[i%len(limiters)].Take(t.Context(), time.Now(), 1, limits, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			admitted++
		}
	}
	for _, l := range limiters {
		if s := l.Stats().Shared; s.Share > 0 || s.Calls == 0 {
			t.Errorf("not all were judged through Redis: %+v", s)
		}
	}
	return admitted
}

func TestReplicasShareLimitsThroughARealServerAndARealCluster(t *testing.T) {
	cluster := redisserver.StartCluster(t)
	for name, o := range map[string]redis.Options{
		"single":  {Addresses: []string{redisserver.Start(t).Address()}},
		"cluster": {Addresses: cluster.Addresses(), Cluster: true},
	} {
		for _, exact := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s exact %t", name, exact), func(t *testing.T) {
				o.Deployment, o.Now, o.Logger = fmt.Sprint("test", exact), time.Now, slog.New(slog.DiscardHandler)
				o.Budget, o.DialTimeout = 30*time.Second, 30*time.Second
				var limiters []*limiter.Limiter
				for i := range 3 {
					c, err := redis.Open(t.Context(), o)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = c.Close() })
					limiters = append(limiters, newLimiter(t, c, fmt.Sprint("replica-", i), exact, 30*time.Second))
				}
				hour := func(subject string, n int64) pipeline.SubjectLimit {
					return pipeline.SubjectLimit{Subject: subject, Label: "hour", Limit: limit.Limit{Name: "hour", Limit: n, Period: time.Hour}}
				}
				// In different slots of a Cluster.
				if got := spendUp(t, limiters, []pipeline.SubjectLimit{hour("key:a", 100), hour("owner:default/a", 40)}); got > 40 || got < 30 {
					t.Errorf("%d admitted, want the owner's 40, or those but for what a replica holds", got)
				}
			})
		}
	}
}
