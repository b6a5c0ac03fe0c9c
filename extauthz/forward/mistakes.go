package forward

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// mistakePause is the shortest time between two log lines about what proxies
// ask wrongly.
const mistakePause = time.Second

// mistakes tells an operator what is wrong with a proxy's configuration,
// seldom enough that a client who provokes it cannot fill the log.
type mistakes struct {
	logger *slog.Logger
	now    func() time.Time
	told   atomic.Int64 // when the last line was written, in Unix nanoseconds
}

func newMistakes(logger *slog.Logger, now func() time.Time) *mistakes {
	return &mistakes{logger: logger, now: now}
}

// tell writes the line unless one was written less than mistakePause ago.
func (m *mistakes) tell(ctx context.Context, message string, attrs ...slog.Attr) {
	now, told := m.now().UnixNano(), m.told.Load()
	if now-told < int64(mistakePause) && now >= told || !m.told.CompareAndSwap(told, now) {
		return
	}
	m.logger.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
}
