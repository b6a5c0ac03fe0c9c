package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"credence/store"
)

const (
	usageGroup = "control" // the consumer group of all control planes
	usageRead  = 8         // entries of one read
	usageIdle  = 250 * time.Millisecond
	usagePause = time.Second // after trouble
	usageClaim = 30 * time.Second
	usageLook  = 5 * time.Second // between two looks at what was kept
	// maxUsageKept is how many entries of newer versions are kept. They come
	// only while replicas are newer than every control plane.
	maxUsageKept = 8192
)

// UsageIngestOptions are what a UsageIngest needs.
type UsageIngestOptions struct {
	Client   *Client
	Secret   [32]byte // the deployment's snapshot key
	Store    ingester
	Consumer string // this process; another at every start
	Logger   *slog.Logger

	// Retention is how long the database remembers which batches of a replica
	// it has added. Entries that are older than half of it, or ahead of the
	// clock by more than a quarter, are set aside: whoever controls Redis can
	// keep them until they are forgotten, and bring them again.
	Retention time.Duration

	// ClaimAfter is how long another consumer may sit on an entry, or be dead;
	// 30 seconds.
	ClaimAfter time.Duration
}

// ingester adds batches, each once. A store.UsageIngest is one.
type ingester interface {
	IngestUsage(ctx context.Context, b store.UsageBatch) error
}

// UsageIngest takes usage out of the stream and adds it to the database. An
// entry is acknowledged after the commit. Whatever happens in between, it
// comes again, to this consumer or, when this one is dead, to another; the
// database adds it once.
type UsageIngest struct {
	o   UsageIngestOptions
	mac usageMAC

	// Run alone touches these.
	grouped bool // the group exists
	again   bool // entries of ours are left from a round that failed
	claimed time.Time
	told    time.Time // when a line about an odd entry was written
	looked  time.Time // when it was looked at what was kept
	passed  string    // the last of the kept entries that this process does not understand
	newest  int       // the version that this process understands, and all before it
	keeps   int       // how many entries are kept at most

	counts struct{ added, forged, refused, failures, claims, kept atomic.Int64 }
}

// NewUsageIngest makes one. The error names the option that is missing.
func NewUsageIngest(o UsageIngestOptions) (*UsageIngest, error) {
	switch {
	case o.Client == nil:
		return nil, errors.New("usage ingest options: Client: missing")
	case o.Store == nil:
		return nil, errors.New("usage ingest options: Store: missing")
	case o.Consumer == "":
		return nil, errors.New("usage ingest options: Consumer: missing")
	case o.Logger == nil:
		return nil, errors.New("usage ingest options: Logger: missing")
	case o.Retention <= 0:
		return nil, errors.New("usage ingest options: Retention: missing")
	}
	if o.ClaimAfter == 0 {
		o.ClaimAfter = usageClaim
	}
	mac, err := newUsageMAC(o.Secret)
	if err != nil {
		return nil, fmt.Errorf("usage ingest: %w", err)
	}
	return &UsageIngest{o: o, mac: mac, newest: usageVersion, keeps: maxUsageKept, passed: "-"}, nil
}

// Run takes entries until ctx ends and answers nil.
func (u *UsageIngest) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		n, err := u.round(ctx)
		pause := time.Duration(0)
		switch {
		case err != nil && ctx.Err() == nil:
			u.counts.failures.Add(1)
			if !failing {
				u.o.Logger.WarnContext(ctx, "usage cannot be taken from redis, trying again", slog.Any("error", err))
			}
			failing, pause = true, usagePause
		case err == nil && failing:
			u.o.Logger.InfoContext(ctx, "usage is taken from redis again")
			failing = false
		}
		if n == 0 {
			pause = max(pause, usageIdle)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return nil
}

// round takes some entries: first those that were kept for it, then those that a
// round left, then those of the dead, then new ones. It answers how many it is
// done with.
func (u *UsageIngest) round(ctx context.Context) (int, error) {
	if err := u.group(ctx); err != nil {
		return 0, err
	}
	if n, err := u.takeKept(ctx); n > 0 || err != nil {
		return n, err
	}
	entries, err := u.read(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "NOGROUP") { // Redis was emptied
			u.grouped, u.again = false, false
		}
		return 0, err
	}
	var done []string
	for i := range entries {
		if err = u.take(ctx, &entries[i]); err != nil {
			u.again = true
			break
		}
		done = append(done, entries[i].ID)
	}
	if len(done) == 0 {
		return 0, err
	}
	if acked := u.acknowledge(ctx, done); acked != nil {
		u.again = true
		return 0, errors.Join(err, acked)
	}
	return len(done), err
}

func (u *UsageIngest) group(ctx context.Context) error {
	if u.grouped {
		return nil
	}
	err := u.call(ctx, func(ctx context.Context, r redis.UniversalClient) error {
		err := r.XGroupCreateMkStream(ctx, u.stream(), usageGroup, "0").Err()
		if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") { // it is there
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("consumer group: %w", err)
	}
	u.grouped = true
	return nil
}

func (u *UsageIngest) read(ctx context.Context) (entries []redis.XMessage, err error) {
	if u.again {
		entries, err = u.readFrom(ctx, "0")
		u.again = err != nil || len(entries) > 0
		if u.again {
			return entries, err
		}
	}
	if now := u.o.Client.options.Now(); now.Sub(u.claimed) >= u.o.ClaimAfter {
		err := u.call(ctx, func(ctx context.Context, r redis.UniversalClient) (err error) {
			entries, _, err = r.XAutoClaim(ctx, &redis.XAutoClaimArgs{
				Stream: u.stream(), Group: usageGroup, Consumer: u.o.Consumer, MinIdle: u.o.ClaimAfter, Start: "0-0", Count: usageRead,
			}).Result()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
		if len(entries) > 0 {
			u.counts.claims.Add(int64(len(entries)))
			return entries, nil
		}
		u.claimed = now
	}
	return u.readFrom(ctx, ">")
}

// readFrom reads new entries (">") or again those that are ours ("0").
func (u *UsageIngest) readFrom(ctx context.Context, from string) (entries []redis.XMessage, err error) {
	err = u.call(ctx, func(ctx context.Context, r redis.UniversalClient) error {
		streams, err := r.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: usageGroup, Consumer: u.o.Consumer, Streams: []string{u.stream(), from}, Count: usageRead, Block: -1,
		}).Result()
		for _, s := range streams {
			entries = append(entries, s.Messages...)
		}
		return err
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read: %w", err)
	}
	return entries, nil
}

// take adds one entry. An error means that it has to come again; what can
// never be added is set aside and counted, so that it holds nobody up.
func (u *UsageIngest) take(ctx context.Context, entry *redis.XMessage) error {
	version, _ := entry.Values["v"].(string)
	payload, _ := entry.Values["b"].(string)
	mac, _ := entry.Values["m"].(string)
	if !u.mac.matches(payload, mac) {
		u.counts.forged.Add(1)
		if u.seldom() {
			u.o.Logger.WarnContext(ctx, "entries of the usage stream are not ours and are dropped",
				slog.String("entry", entry.ID), slog.Int64("entries", u.counts.forged.Load()))
		}
		return nil
	}
	number, odd := strconv.Atoi(version)
	if odd == nil && number > u.newest {
		return u.keep(ctx, entry, number)
	}
	var b store.UsageBatch
	if err := json.Unmarshal([]byte(payload), &b); err != nil || odd != nil || number < 1 {
		return u.setAside(ctx, entry, fmt.Errorf("version %q (%v)", version, err))
	}
	if err := u.timely(&b); err != nil {
		return u.setAside(ctx, entry, err)
	}
	err := u.o.Store.IngestUsage(ctx, b)
	if errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrConflict) {
		return u.setAside(ctx, entry, err)
	}
	if err == nil {
		u.counts.added.Add(1)
	}
	return err
}

var errUntimely = errors.New("its time is too far from now for the database to tell whether it was added before; " +
	"if nobody has kept it back, see the clocks of the replicas and how long no control plane ran")

// timely reports whether the database still knows if a batch was added. It was
// received when it was cut or later, by clocks at most a quarter of the
// retention apart; so the number of one that is younger than half of it is kept.
func (u *UsageIngest) timely(b *store.UsageBatch) error {
	age := u.o.Client.options.Now().Sub(b.At)
	if age > u.o.Retention/2 || -age > u.o.Retention/4 {
		return fmt.Errorf("usage %d of %q, %s old: %w", b.Sequence, b.Replica, age.Round(time.Second), errUntimely)
	}
	return nil
}

// seldom reports, at most once a second, whether a line may be written: a
// flood of entries must not become a flood of lines.
func (u *UsageIngest) seldom() bool {
	now := u.o.Client.options.Now()
	if now.Sub(u.told) < time.Second && !now.Before(u.told) {
		return false
	}
	u.told = now
	return true
}

func (u *UsageIngest) setAside(ctx context.Context, entry *redis.XMessage, why error) error {
	u.counts.refused.Add(1)
	if u.seldom() {
		u.o.Logger.ErrorContext(ctx, "entries of the usage stream cannot be added and are dropped",
			slog.String("entry", entry.ID), slog.Any("error", why), slog.Int64("entries", u.counts.refused.Load()))
	}
	return nil
}

// acknowledge also deletes, so that the length of the stream is what waits.
func (u *UsageIngest) acknowledge(ctx context.Context, ids []string) error {
	err := u.call(ctx, func(ctx context.Context, r redis.UniversalClient) error {
		_, err := r.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.XAck(ctx, u.stream(), usageGroup, ids...)
			p.XDel(ctx, u.stream(), ids...)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

func (u *UsageIngest) stream() string { return u.o.Client.Key(usageName) }

func (u *UsageIngest) call(ctx context.Context, fn func(ctx context.Context, r redis.UniversalClient) error) error {
	return u.o.Client.CallWithin(ctx, usageBudget, fn)
}

// UsageIngestStats are counters since the start.
type UsageIngestStats struct {
	Added    int64 // batches that were added, or had been
	Forged   int64 // entries that no replica of ours wrote
	Refused  int64 // entries that can never be added
	Kept     int64 // entries of a newer version that were kept
	Claimed  int64 // entries that another consumer had left
	Failures int64 // rounds that failed, and are repeated
}

// Stats answers the counters.
func (u *UsageIngest) Stats() UsageIngestStats {
	return UsageIngestStats{
		Added: u.counts.added.Load(), Forged: u.counts.forged.Load(), Refused: u.counts.refused.Load(), Kept: u.counts.kept.Load(),
		Claimed: u.counts.claims.Load(), Failures: u.counts.failures.Load(),
	}
}

// Describe implements prometheus.Collector.
func (u *UsageIngest) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(u, out) }

// Collect implements prometheus.Collector.
func (u *UsageIngest) Collect(out chan<- prometheus.Metric) {
	s := u.Stats()
	for _, m := range []struct {
		name, help string
		value      int64
	}{
		{"credence_usage_ingested_total", "Batches of usage taken from Redis and added, or found to have been.", s.Added},
		{"credence_usage_forged_total", "Entries of the usage stream that no replica of this deployment wrote; dropped.", s.Forged},
		{"credence_usage_kept_total", "Entries of the usage stream of a newer version; kept until a control plane understands them.", s.Kept},
		{"credence_usage_set_aside_total", "Entries of the usage stream that can never be added, or are too old or too new to know whether they were; dropped.", s.Refused},
		{"credence_usage_claimed_total", "Entries of the usage stream that another control plane had left.", s.Claimed},
		{"credence_usage_ingest_failures_total", "Rounds of taking usage from Redis that failed, and are repeated.", s.Failures},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), prometheus.CounterValue, float64(m.value))
	}
}
