package extauthz

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// recorder logs one event for a Check, or for one of many. It names decision,
// reason, key id and client, and nothing that a client wrote.
type recorder struct {
	logger *slog.Logger
	level  slog.Level
	every  uint64
	seen   atomic.Uint64
}

func newRecorder(l *slog.Logger, o RecordOptions) *recorder {
	return &recorder{logger: l, level: o.Level, every: o.Every}
}

func (r *recorder) check(ctx context.Context, c *check, took time.Duration) {
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
