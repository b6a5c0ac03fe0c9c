package extauthz

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// failurePause is the shortest time between two events about Checks that could
// not be decided: an outage must not become a flood of log lines.
const failurePause = time.Second

// recorder logs one event for a Check, or for one of many. It names decision,
// reason, key id and client, and nothing that a client wrote.
type recorder struct {
	logger *slog.Logger
	level  slog.Level
	every  uint64
	now    func() time.Time

	seen     atomic.Uint64
	failures atomic.Uint64 // since the last event about one
	told     atomic.Int64  // when that was, in Unix nanoseconds
}

func newRecorder(l *slog.Logger, o RecordOptions, now func() time.Time) *recorder {
	return &recorder{logger: l, level: o.Level, every: o.Every, now: now}
}

func (r *recorder) check(ctx context.Context, c *check, took time.Duration) {
	if c.decision.Failure != nil {
		r.failure(ctx, c.decision.Failure)
	}
	if r.every == 0 || (r.seen.Add(1)-1)%r.every != 0 || !r.logger.Enabled(ctx, r.level) {
		return
	}
	d := &c.decision
	attrs := []slog.Attr{
		slog.String("decision", decisionName(d, d.Allowed())),
		slog.String("reason", d.Reason.String()),
		slog.String("stage", d.Stage.String()),
		slog.String("client", d.Client.String()),
		slog.Duration("took", took),
	}
	if d.Key != nil {
		attrs = append(attrs, slog.String("key_id", d.Key.KeyID), slog.String("namespace", d.Key.Namespace))
	}
	r.logger.LogAttrs(ctx, r.level, "check", attrs...)
}

// failure says why nothing could be decided, at most once in failurePause.
func (r *recorder) failure(ctx context.Context, why error) {
	r.failures.Add(1)
	now, told := r.now().UnixNano(), r.told.Load()
	if now-told < int64(failurePause) && now >= told || !r.told.CompareAndSwap(told, now) {
		return
	}
	r.logger.LogAttrs(ctx, slog.LevelWarn, "checks cannot be decided",
		slog.Any("error", why), slog.Uint64("checks", r.failures.Swap(0)))
}
