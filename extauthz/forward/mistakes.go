package forward

import (
	"sync/atomic"
	"time"
)

// mistakePause is the shortest time between two log lines about what proxies
// ask wrongly.
const mistakePause = time.Second

// mistakes keeps the log lines about what is wrong with a proxy's configuration
// seldom enough that a client who provokes them cannot fill the log.
type mistakes struct {
	now  func() time.Time
	told atomic.Int64 // when the last line was written, in Unix nanoseconds
}

// due reports whether a line may be written, and counts it as written.
func (m *mistakes) due() bool {
	now, told := m.now().UnixNano(), m.told.Load()
	return (now-told >= int64(mistakePause) || now < told) && m.told.CompareAndSwap(told, now)
}
