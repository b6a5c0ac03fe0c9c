package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
	"credence/store/redis"
)

// order is what a replica is told to do.
type order struct {
	Redis     string        `json:"redis"` // "" for none
	Sentinels []string      `json:"sentinels"`
	Exact     bool          `json:"exact"`
	Rank      int           `json:"rank"`
	Replicas  int           `json:"replicas"`
	Limit     limit.Limit   `json:"limit"`
	PerSecond float64       `json:"per_second"` // requests, evenly
	Start     time.Time     `json:"start"`
	Run       time.Duration `json:"run"`
	Wait      time.Duration `json:"wait"`
}

// account is what became of it.
type account struct {
	Offered  int     `json:"offered"`
	Admitted []int64 `json:"admitted"` // instants, Unix microseconds
	Failed   int     `json:"failed"`   // takes that answered an error
	Calls    int64   `json:"calls"`    // of Redis
	Share    int64   `json:"share"`    // takes that the share judged
}

// replica does what the order says and prints the account.
func replica(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	l, end, err := o.limiter(ctx)
	if err != nil {
		return err
	}
	defer end()
	l.SetShare(o.Rank, o.Replicas)
	a := o.load(ctx, l)
	stats := l.Stats().Shared
	a.Calls, a.Share = stats.Calls, stats.Share
	if err := l.Close(ctx); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

func (o *order) limiter(ctx context.Context) (*limiter.Limiter, func(), error) {
	options := limiter.Options{Store: noQuotas{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Exact: o.Exact, BudgetWait: o.Wait}
	end := func() {}
	if o.Redis != "" {
		server := redis.Options{
			Addresses: []string{o.Redis}, Deployment: "bench", Budget: o.Wait, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		}
		if len(o.Sentinels) > 0 {
			server.Addresses, server.MasterName = o.Sentinels, masterName
		}
		c, err := redis.Open(ctx, server)
		if err != nil {
			return nil, nil, err
		}
		end = func() { _ = c.Close() }
		options.Budgets = redis.NewBudgets(c, fmt.Sprint("replica-", o.Rank))
	}
	l, err := limiter.New(options)
	return l, end, err
}

// load offers requests evenly, whatever becomes of those before.
func (o *order) load(ctx context.Context, l *limiter.Limiter) account {
	var mu sync.Mutex
	var a account
	var running sync.WaitGroup
	limits := []pipeline.SubjectLimit{{Subject: "key:bench", Label: o.Limit.Name, Limit: o.Limit}}
	take := func() {
		_, ok, err := l.Take(ctx, time.Now(), 1, limits, nil, make([]pipeline.LimitOutcome, 0, 1))
		at := time.Now().UnixMicro()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			a.Failed++
		case ok:
			a.Admitted = append(a.Admitted, at)
		}
	}
	// Replicas are not in step.
	start := o.Start.Add(time.Duration(float64(o.Rank) / float64(o.Replicas) / o.PerSecond * float64(time.Second)))
	for ; ctx.Err() == nil; a.Offered++ {
		due := start.Add(time.Duration(float64(a.Offered) / o.PerSecond * float64(time.Second)))
		if due.Sub(o.Start) >= o.Run {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
		}
		running.Go(take)
	}
	running.Wait()
	return a
}

// noQuotas stand for the store, which nobody asks: the key has no quota.
type noQuotas struct{}

func (noQuotas) ReserveQuota(context.Context, store.QuotaWindow, int64, int64) (granted, used int64, err error) {
	return 0, 0, store.ErrUnavailable
}

func (noQuotas) ReturnQuota(context.Context, store.QuotaWindow, int64) error {
	return store.ErrUnavailable
}

func (noQuotas) RemoveQuotas(context.Context, time.Time) (int, error) {
	return 0, store.ErrUnavailable
}
