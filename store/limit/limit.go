package limit

import "time"

// Limit is a named rate: Limit units per Period, with at most Burst at once.
type Limit struct {
	Name   string        `json:"name"`
	Limit  int64         `json:"limit"`
	Period time.Duration `json:"period"`
	Burst  int64         `json:"burst"` // 0 means Limit
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
