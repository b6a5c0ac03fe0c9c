package extauthz

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// eventPause is the shortest time between two events about Checks that could
// not be decided, or about callers that were turned away: neither must become a
// flood of log lines.
const eventPause = time.Second

// recorder logs one event for a Check, or for one of many. It names decision,
// reason, key id and client, and nothing that a client wrote.
type recorder struct {
	logger *slog.Logger
	level  slog.Level
	every  uint64
	now    func() time.Time

	seen       atomic.Uint64
	failures   seldom
	strays     seldom
	handshakes seldom
	greetings  seldom
	crowds     seldom
	violations seldom
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
	if d.Policy != "" {
		attrs = append(attrs, slog.String("policy", d.Policy))
	}
	r.logger.LogAttrs(ctx, r.level, "check", attrs...)
}

// failure says why nothing could be decided, at most once in eventPause.
func (r *recorder) failure(ctx context.Context, why error) {
	if n := r.failures.add(r.now()); n > 0 {
		r.logger.LogAttrs(ctx, slog.LevelWarn, "checks cannot be decided", slog.Any("error", why), slog.Uint64("checks", n))
	}
}

// stray says that somebody called without the call secret, at most once in
// eventPause. peer is the address of the connection.
func (r *recorder) stray(ctx context.Context, peer string) {
	if n := r.strays.add(r.now()); n > 0 {
		r.logger.LogAttrs(ctx, slog.LevelWarn, "calls refused, call secret missing or wrong",
			slog.String("peer", peer), slog.Uint64("calls", n))
	}
}

// handshake says that TLS turned somebody away, at most once in eventPause. It
// happens before there is a call, hence without the context of one.
func (r *recorder) handshake(peer string, why error) {
	if n := r.handshakes.add(r.now()); n > 0 {
		r.logger.Warn("tls handshakes refused",
			slog.String("peer", peer), slog.Any("error", why), slog.Uint64("handshakes", n))
	}
}

// greeting says that a client spoke something else than HTTP/2, as handshake
// does.
func (r *recorder) greeting(peer, spoken string) {
	if n := r.greetings.add(r.now()); n > 0 {
		r.logger.Warn("clients do not speak http/2",
			slog.String("peer", peer), slog.String("spoken", spoken), slog.Uint64("connections", n))
	}
}

// crowd says that connections were closed because too many were open.
func (r *recorder) crowd(peer string) {
	if n := r.crowds.add(r.now()); n > 0 {
		r.logger.Warn("connections closed, too many are open",
			slog.String("peer", peer), slog.Uint64("connections", n))
	}
}

// violation says that a client broke the protocol, as handshake does.
func (r *recorder) violation(peer string, what error) {
	if n := r.violations.add(r.now()); n > 0 {
		r.logger.Warn("connections closed, http/2 was violated",
			slog.String("peer", peer), slog.Any("error", what), slog.Uint64("connections", n))
	}
}

// seldom counts occurrences between events about them.
type seldom struct {
	count atomic.Uint64 // since the last event
	told  atomic.Int64  // when that was, in Unix nanoseconds
}

// add counts one, and answers how many an event should tell of: 0 when the
// last one was less than eventPause ago.
func (s *seldom) add(at time.Time) uint64 {
	s.count.Add(1)
	now, told := at.UnixNano(), s.told.Load()
	if now-told < int64(eventPause) && now >= told || !s.told.CompareAndSwap(told, now) {
		return 0
	}
	return s.count.Swap(0)
}
