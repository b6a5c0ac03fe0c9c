package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz/usage"
	"credence/management/geoip"
	"credence/management/jobs"
	"credence/store"
	"credence/store/redis"
	"credence/store/sketch"
)

// What --usage may say.
const (
	usageOff   = "off"
	usageStore = "store"
	usageRedis = "redis"
)

func usageSettings() []setting {
	return []setting{
		{inData, "usage", "way", "", "how counts of Checks are delivered: redis (a stream that a control plane with the same --redis takes from), store (straight to the database), off; when empty, redis where there is one and store otherwise", choice(func(c *config) *string { return &c.Usage }, "", usageRedis, usageStore, usageOff)},
	}
}

// newUsage makes what counts Checks for the replica of this id; nil when
// nothing is to be counted.
func (d *deployment) newUsage(id string) (*usage.Counter, error) {
	o := usage.Options{Sink: d.data, Replica: id, Now: time.Now, Logger: d.logger}
	switch {
	case d.config.Usage == usageOff:
		return nil, nil //nolint:nilnil // not counting is a choice, not an error
	case d.redis != nil && d.config.Usage != usageStore:
		stream, err := redis.NewUsageStream(d.redis, d.secrets.SnapshotKey())
		if err != nil {
			return nil, err
		}
		o.Sink = stream
	case d.config.Usage == usageRedis:
		return nil, usageError{errors.New("usage: it is to go through Redis, and there is none; give --redis, or --usage store")}
	}
	secret := d.secrets.SnapshotKey()
	derived, err := hkdf.Key(sha256.New, secret[:], nil, "credence usage 1: addresses", sha256.Size)
	if err != nil {
		return nil, err
	}
	o.Hasher = sketch.NewHasher([32]byte(derived))
	c, err := usage.New(o)
	if err == nil {
		d.registry.MustRegister(usageMetrics(c)...)
	}
	return c, err
}

// usageMetrics say how delivering goes.
func usageMetrics(c *usage.Counter) []prometheus.Collector {
	counter := func(name, help string, value func(usage.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(c.Stats())) })
	}
	gauge := func(name, help string, value func(usage.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(c.Stats()) })
	}
	return []prometheus.Collector{
		gauge("credence_usage_counters", "Counters of usage in memory, one for each key and reason.", func(s usage.Stats) float64 { return float64(s.Counters) }),
		gauge("credence_usage_waiting", "Rows of usage that wait to be delivered.", func(s usage.Stats) float64 { return float64(s.Waiting) }),
		gauge("credence_usage_lag_seconds", "Time since all usage was delivered; 0 when it is.", func(s usage.Stats) float64 { return s.Lag.Seconds() }),
		counter("credence_usage_batches_total", "Batches of usage delivered.", func(s usage.Stats) int64 { return s.Batches }),
		counter("credence_usage_failures_total", "Deliveries of usage that failed, and are repeated.", func(s usage.Stats) int64 { return s.Failures }),
		counter("credence_usage_refused_total", "Batches of usage that were refused for good, and dropped.", func(s usage.Stats) int64 { return s.Refused }),
		counter("credence_usage_dropped_checks_total", "Checks that were counted in batches refused for good.", func(s usage.Stats) int64 { return s.Dropped }),
		counter("credence_usage_folded_total", "Rows of usage that were summed with those of another minute for want of room.", func(s usage.Stats) int64 { return s.Folded }),
		counter("credence_usage_other_checks_total", "Checks that were counted without their key for want of room.", func(s usage.Stats) int64 { return s.Other }),
		counter("credence_usage_failing_dropped_total", "Refusals whose address was dropped for want of room.", func(s usage.Stats) int64 { return s.Lighter }),
	}
}

// closeUsage delivers what is left. What then cannot be delivered is a gap
// that a control plane records: no reason for the process to fail.
func (d *deployment) closeUsage(ctx context.Context, c *usage.Counter) {
	if c == nil {
		return
	}
	closing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.Close(closing); err != nil {
		d.logger.WarnContext(ctx, "stopping with usage that could not be delivered", slog.Any("error", err))
	}
}

// takeUsage has a control plane take usage from Redis.
func (d *deployment) takeUsage(w *work, consumer string) error {
	if d.redis == nil {
		return nil
	}
	ingest, err := redis.NewUsageIngest(redis.UsageIngestOptions{
		Client: d.redis, Secret: d.secrets.SnapshotKey(), Store: d.backend, Consumer: consumer, Logger: d.logger,
		Retention: d.config.Retention.Usage,
	})
	if err != nil {
		return err
	}
	d.registry.MustRegister(ingest)
	w.back.Go(func() error { return ingest.Run(w.lasting) })
	return nil
}

// newUsagePass makes what the leader does about usage.
func (d *deployment) newUsagePass(changes *store.Store) (jobs.Pass, error) {
	usages, err := jobs.NewUsage(jobs.UsageOptions{Store: changes, Now: time.Now, Logger: d.logger})
	if err != nil {
		return jobs.Pass{}, err
	}
	d.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "credence_usage_gaps_total", Help: "Gaps in usage that this process has recorded.",
	}, func() float64 { return float64(usages.Gaps()) }))
	return usages.Pass(), nil
}

func geoipSettings() []setting {
	return []setting{
		{inControl, "geoip-db", "file", "", "MaxMind City database (GeoIP2 or GeoLite2, .mmdb): with it, keys that are used from places too far apart are found; read again when it is replaced", text(func(c *config) *string { return &c.GeoIPDB })},
	}
}

// openPlaces reads the database of places, if one is given.
func (d *deployment) openPlaces() error {
	if d.config.GeoIPDB == "" {
		return nil
	}
	places, err := geoip.Open(geoip.Options{File: d.config.GeoIPDB, Logger: d.logger, Registerer: d.registry})
	if err != nil {
		return usageError{fmt.Errorf("geoip-db: %w", err)}
	}
	d.places = places
	return nil
}
