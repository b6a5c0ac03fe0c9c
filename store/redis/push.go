package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"credence/store"
)

const (
	// pushName is the channel of the pushes. On a Cluster it is an ordinary
	// channel, which every node forwards: changes are rare, and a subscriber
	// may then sit on any node. A sharded channel would go with its shard.
	pushName = "changes"
	// pushHeartbeat is how long a silent subscription is believed in.
	pushHeartbeat = 15 * time.Second
	// pushBudget bounds the publishing, for which nobody waits.
	pushBudget = time.Second
	// pushGap is the least time between two wakes by pushes; it doubles up to
	// pushMaxGap with each wake after which the feed had nothing new.
	pushGap    = 5 * time.Millisecond
	pushMaxGap = time.Second
)

// Publish tells the replicas of every change that this process hears of, until
// ctx ends, and answers nil. It is for the control plane: feed wakes it after
// each commit. A push that is lost costs the replicas a poll interval.
func Publish(ctx context.Context, c *Client, feed store.ChangeFeed) error {
	wake := feed.Wake(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-wake:
			if !open {
				return nil
			}
		}
		if err := publish(ctx, c, feed); err != nil && ctx.Err() == nil {
			c.options.Logger.DebugContext(ctx, "change was not pushed", slog.Any("error", err))
		}
	}
}

func publish(ctx context.Context, c *Client, feed store.ChangeFeed) error {
	ctx, cancel := context.WithTimeout(ctx, 5*pushBudget)
	defer cancel()
	head, err := feed.Head(ctx)
	if err != nil {
		return fmt.Errorf("push: head of the feed: %w", err)
	}
	return c.CallWithin(ctx, pushBudget, func(ctx context.Context, r redis.UniversalClient) error {
		return r.Publish(ctx, c.Key(pushName), strconv.FormatInt(int64(head.Revision), 10)).Err()
	})
}

// Feed is a change feed that pushes through Redis wake, too. What it answers
// is read from the database alone.
type Feed struct {
	store.ChangeFeed

	client *Client
	push   chan struct{} // there was a push that says something new
	known  atomic.Int64  // newest revision that was read
	gap    atomic.Int64  // nanoseconds between two wakes by pushes
	asked  atomic.Bool   // a push woke, and the feed was not read since
	counts struct{ received, ignored, wakes, losses atomic.Int64 }
	up     atomic.Bool
}

// NewFeed makes a Feed. Its Run has to run for pushes to arrive.
func NewFeed(c *Client, feed store.ChangeFeed) *Feed {
	f := &Feed{ChangeFeed: feed, client: c, push: make(chan struct{}, 1)}
	f.gap.Store(int64(pushGap))
	return f
}

// Head implements store.ChangeFeed.
func (f *Feed) Head(ctx context.Context) (store.Position, error) {
	head, err := f.ChangeFeed.Head(ctx)
	if err == nil {
		f.known.Store(int64(head.Revision)) // also when it went back: another history
	}
	return head, err
}

// ChangesAfter implements store.ChangeFeed. It learns whether pushes are worth
// to wake for.
func (f *Feed) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	pushed := f.asked.Swap(false)
	changes, err := f.ChangeFeed.ChangesAfter(ctx, after, limit)
	switch {
	case err != nil:
	case len(changes) > 0:
		f.known.Store(int64(changes[len(changes)-1].Revision))
		f.gap.Store(int64(pushGap))
	default:
		f.known.Store(int64(after.Revision))
		if pushed {
			f.gap.Store(min(2*f.gap.Load(), int64(pushMaxGap)))
		}
	}
	return changes, err
}

// Wake implements store.ChangeFeed: woken by the database's own pushes, as
// before, and by those of Redis, but by these no oftener than they are worth.
func (f *Feed) Wake(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	inner := f.ChangeFeed.Wake(ctx)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case _, open := <-inner:
				if !open {
					inner = nil
					continue
				}
				wake(out)
			case <-f.push:
				f.counts.wakes.Add(1)
				f.asked.Store(true)
				wake(out)
				if inner = f.rest(ctx, inner, out); ctx.Err() != nil {
					return
				}
			}
		}
	}()
	return out
}

// rest lets the gap pass, in which only the database's own pushes wake.
func (f *Feed) rest(ctx context.Context, inner <-chan struct{}, out chan struct{}) <-chan struct{} {
	timer := time.NewTimer(time.Duration(f.gap.Load()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return inner
		case <-timer.C:
			return inner
		case _, open := <-inner:
			if !open {
				inner = nil
				continue
			}
			wake(out)
		}
	}
}

func wake(out chan struct{}) {
	select {
	case out <- struct{}{}:
	default: // a value is there already
	}
}

// Run receives pushes until ctx ends, and subscribes again whenever that
// breaks. It answers nil.
func (f *Feed) Run(ctx context.Context) error {
	pause := probePause
	for ctx.Err() == nil {
		heard, err := f.follow(ctx)
		f.up.Store(false)
		if ctx.Err() != nil {
			break
		}
		f.counts.losses.Add(1)
		if heard {
			pause = probePause
			f.client.options.Logger.WarnContext(ctx, "pushes of changes interrupted, polling meanwhile", slog.Any("error", err))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		pause = min(2*pause, probeMaxPause)
	}
	return nil //nolint:nilerr // ctx has ended, and with it the subscription
}

// follow subscribes and receives until that breaks. heard is true when the
// subscription stood.
func (f *Feed) follow(ctx context.Context) (heard bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	channel := f.client.Key(pushName)
	subscription := f.client.redis.Subscribe(ctx) // connects at the first channel
	defer func() { _ = subscription.Close() }()   // it may be broken
	defer context.AfterFunc(ctx, func() { _ = subscription.Close() })()
	starting, cancel := context.WithTimeout(ctx, f.client.options.DialTimeout)
	defer cancel()
	if err := subscription.Subscribe(starting, channel); err != nil {
		return false, fmt.Errorf("subscribe: %w", err)
	}
	quiet := false
	for {
		message, err := subscription.ReceiveTimeout(ctx, pushHeartbeat)
		if isTimeout(err) && heard && !quiet { // a silence may be only that
			quiet, message = true, nil
			err = subscription.Ping(ctx)
		} else {
			quiet = false
		}
		if err != nil {
			return heard, err
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if !heard {
				f.up.Store(true)
				f.client.options.Logger.InfoContext(ctx, "pushes of changes arrive by redis")
			}
			heard = true
			wake(f.push) // what was pushed before is lost
		case *redis.Message:
			f.receive(m.Payload)
		}
	}
}

// isTimeout reports whether nothing was wrong but the silence.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// receive judges a push. One that names no newer revision than was read is
// late, repeated or forged, and wakes nobody; one that lies costs a read of
// the feed, the next one after a longer gap.
func (f *Feed) receive(payload string) {
	f.counts.received.Add(1)
	revision, err := strconv.ParseInt(payload, 10, 64)
	if err != nil || revision <= f.known.Load() {
		f.counts.ignored.Add(1)
		return
	}
	wake(f.push)
}

// FeedStats are counters since the start.
type FeedStats struct {
	Up       bool  // the subscription stands
	Received int64 // pushes that arrived
	Ignored  int64 // of these: nothing new, or no revision at all
	Wakes    int64 // reads of the feed that pushes caused
	Losses   int64 // subscriptions that broke or could not be made
}

// Stats answers the counters.
func (f *Feed) Stats() FeedStats {
	return FeedStats{
		Up: f.up.Load(), Received: f.counts.received.Load(), Ignored: f.counts.ignored.Load(),
		Wakes: f.counts.wakes.Load(), Losses: f.counts.losses.Load(),
	}
}

// Describe implements prometheus.Collector.
func (f *Feed) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, out) }

// Collect implements prometheus.Collector.
func (f *Feed) Collect(out chan<- prometheus.Metric) {
	s := f.Stats()
	up := 0.0
	if s.Up {
		up = 1
	}
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"credence_redis_push_up", "1 while pushes of changes are subscribed to, 0 while the feed is only polled.", prometheus.GaugeValue, up},
		{"credence_redis_pushes_total", "Pushes of changes that arrived.", prometheus.CounterValue, float64(s.Received)},
		{"credence_redis_pushes_ignored_total", "Pushes that said nothing new.", prometheus.CounterValue, float64(s.Ignored)},
		{"credence_redis_push_wakes_total", "Reads of the feed that pushes caused.", prometheus.CounterValue, float64(s.Wakes)},
		{"credence_redis_push_losses_total", "Subscriptions that broke or could not be made.", prometheus.CounterValue, float64(s.Losses)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value)
	}
}
