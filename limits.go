package main

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz/limiter"
	"credence/store/redis"
)

// What --limiter may say.
const (
	limiterMemory = "memory"
	limiterExact  = "exact"
	limiterLeased = "leased"
)

func limiterSettings() []setting {
	return []setting{
		{inData, "limiter", "name", "", "how replicas keep to a limit together: memory (each its share), exact (Redis is asked at each Check), leased (units are drawn from Redis in advance); when empty, leased with Redis and memory without", choice(func(c *config) *string { return &c.Limiter }, "", limiterMemory, limiterExact, limiterLeased)},
	}
}

// Rates are counted for as many keys as are cached, as most have two: making
// room for one anew costs a Check more than all else that it does.
const (
	leastRates = 1_000_000
	ratesOfKey = 3
)

// newLimiter makes what counts requests, for the replica of this id.
func (d *deployment) newLimiter(id string) (*limiter.Limiter, error) {
	o := limiter.Options{
		Store: d.data, Now: time.Now, Logger: d.logger,
		Exact: d.config.Limiter == limiterExact, BudgetWait: d.config.Redis.Budget,
		MaxRates: max(leastRates, ratesOfKey*d.config.CacheSize),
	}
	switch {
	case d.redis != nil && d.config.Limiter != limiterMemory:
		o.Budgets = redis.NewBudgets(d.redis, id)
	case d.config.Limiter == limiterExact || d.config.Limiter == limiterLeased:
		return nil, usageError{errors.New("limiter: " + d.config.Limiter + " counts in Redis, and there is none; give --redis, or --limiter memory")}
	}
	l, err := limiter.New(o)
	if err == nil && o.Budgets != nil {
		d.registry.MustRegister(sharedLimitMetrics(l)...)
	}
	return l, err
}

// sharedLimitMetrics say who judged, and how Redis does.
func sharedLimitMetrics(l *limiter.Limiter) []prometheus.Collector {
	judged := func(by string, value func(limiter.SharedStats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "credence_limits_judged_total", ConstLabels: prometheus.Labels{"limiter": by},
			Help: "Checks whose limits were judged: exact and leased from Redis, share by this replica's share for want of an answer.",
		}, func() float64 { return float64(value(l.Stats().Shared)) })
	}
	counter := func(name, help string, value func(limiter.SharedStats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(l.Stats().Shared)) })
	}
	return []prometheus.Collector{
		judged(limiterExact, func(s limiter.SharedStats) int64 { return s.Exact }),
		judged(limiterLeased, func(s limiter.SharedStats) int64 { return s.Leased }),
		judged("share", func(s limiter.SharedStats) int64 { return s.Share }),
		counter("credence_limits_redis_calls_total", "Calls of Redis for limits.", func(s limiter.SharedStats) int64 { return s.Calls }),
		counter("credence_limits_redis_failures_total", "Calls of Redis for limits in which an answer was missing.", func(s limiter.SharedStats) int64 { return s.Failures }),
		counter("credence_limits_redis_nonsense_total", "Answers of Redis about limits that cannot be true.", func(s limiter.SharedStats) int64 { return s.Nonsense }),
		counter("credence_limits_redis_lost_total", "Times that limits were no longer asked of Redis.", func(s limiter.SharedStats) int64 { return s.Lost }),
		counter("credence_limits_redis_returned_total", "Times that limits were asked of Redis again.", func(s limiter.SharedStats) int64 { return s.Returned }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "credence_limits_redis_away", Help: "Parts of Redis (one, or 16 of a Cluster) that limits are not asked of now.",
		}, func() float64 { return float64(l.Stats().Shared.Away) }),
	}
}
