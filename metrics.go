package main

import (
	"time"

	"credence/extauthz"
	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/extauthz/limiter"
	"credence/extauthz/routes"
)

// dataPlaneSources name what the parts of the data plane count. Each value is
// read when the metrics are asked for.
func dataPlaneSources(keys *cache.Cache, refused *blacklist.Blacklist, policies *routes.Policies, counts *limiter.Limiter, follower *feed.Follower, ceiling time.Duration) extauthz.Sources {
	of := func(read func(cache.Stats) int64) func() float64 {
		return func() float64 { return float64(read(keys.Stats())) }
	}
	return extauthz.Sources{
		CacheEntries: func() int { return keys.Stats().Size },
		Applied:      follower.Applied,
		LastRead:     follower.LastRead,
		More: []extauthz.Source{
			{Name: "credence_cache_hits_total", Help: "Checks answered from a key in memory.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Hits })},
			{Name: "credence_cache_misses_total", Help: "Keys that were not in memory.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Misses })},
			{Name: "credence_cache_negative_hits_total", Help: "Checks answered from memory that no such key exists.", Total: true, Value: of(func(s cache.Stats) int64 { return s.NegativeHits })},
			{Name: "credence_cache_stale_hits_total", Help: "Checks answered from a key past its TTL because the store is away.", Total: true, Value: of(func(s cache.Stats) int64 { return s.StaleHits })},
			{Name: "credence_cache_evictions_total", Help: "Keys that made room for others.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Evictions })},
			{Name: "credence_cache_invalidations_total", Help: "Keys removed from memory because they changed.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Invalidations })},
			{Name: "credence_cache_refused_fills_total", Help: "Answers of the store that were not kept because the key changed meanwhile.", Total: true, Value: of(func(s cache.Stats) int64 { return s.RefusedFills })},
			{Name: "credence_cache_warmed_total", Help: "Keys put into memory before anybody asked for them.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Warmed })},
			{Name: "credence_cache_warm_errors_total", Help: "Times that warming the cache broke off.", Total: true, Value: of(func(s cache.Stats) int64 { return s.WarmErrors })},
			{Name: "credence_store_lookups_total", Help: "Keys looked up in the store.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Lookups })},
			{Name: "credence_store_lookup_errors_total", Help: "Look-ups in the store that failed.", Total: true, Value: of(func(s cache.Stats) int64 { return s.LookupErrors })},
			{Name: "credence_store_lookups_refused_total", Help: "Look-ups turned away because too many were under way.", Total: true, Value: of(func(s cache.Stats) int64 { return s.Busy })},
			{Name: "credence_feed_reads_total", Help: "Successful reads of the change feed.", Total: true, Value: func() float64 { return float64(follower.Stats().Reads) }},
			{Name: "credence_feed_failures_total", Help: "Reads of the change feed, and applications of it, that failed.", Total: true, Value: func() float64 { return float64(follower.Stats().Failures) }},
			{Name: "credence_feed_restarts_total", Help: "Gaps in the change feed after which everything was read anew.", Total: true, Value: func() float64 { return float64(follower.Stats().Restarts) }},
			{Name: "credence_ceiling_seconds", Help: "The feed age at which every Check is refused.", Value: ceiling.Seconds},
			{Name: "credence_blacklist_rules", Help: "Blacklist rules in memory.", Value: func() float64 { return float64(refused.Stats().Rules) }},
			{Name: "credence_route_policies", Help: "Stored route policies in memory.", Value: func() float64 { return float64(policies.Stats().Policies) }},
			{Name: "credence_limiter_rates", Help: "Rates counted at the moment.", Value: func() float64 { return float64(counts.Stats().Rates) }},
			{Name: "credence_limiter_evictions_total", Help: "Rates and quotas forgotten before they were idle, for want of room.", Total: true, Value: func() float64 { return float64(counts.Stats().RateEvictions + counts.Stats().QuotaEvictions) }},
			{Name: "credence_quota_refill_errors_total", Help: "Reservations of quota units that failed.", Total: true, Value: func() float64 { return float64(counts.Stats().RefillErrors) }},
		},
	}
}
