package limit

import "time"

// Limit is a named rate: Limit units per Period, with at most Burst at once.
type Limit struct {
	Name   string        `json:"name"`
	Limit  int64         `json:"limit"`
	Period time.Duration `json:"period"`
	Burst  int64         `json:"burst"` // 0 means Limit
}

// Capacity is the number of units that a full budget holds: Burst, or Limit
// where Burst is 0.
func (l Limit) Capacity() int64 {
	if l.Burst == 0 {
		return l.Limit
	}
	return l.Burst
}

// QuotaPeriod is the calendar window of a quota, in UTC.
type QuotaPeriod string

// The quota periods.
const (
	QuotaDay   QuotaPeriod = "day"
	QuotaMonth QuotaPeriod = "month"
)

// Quota is a named calendar budget that refills at the start of each period.
type Quota struct {
	Name   string      `json:"name"`
	Limit  int64       `json:"limit"`
	Period QuotaPeriod `json:"period"`
}

// Window is the calendar window that now falls in: from start, inclusive, to
// end, exclusive, both in UTC. An unknown period has the empty window at the
// zero time, in which nothing can be spent.
func (q Quota) Window(now time.Time) (start, end time.Time) {
	year, month, day := now.UTC().Date()
	switch q.Period {
	case QuotaDay:
		start = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 0, 1)
	case QuotaMonth:
		start = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 1, 0)
	}
	return time.Time{}, time.Time{}
}
