package limit

import "time"

// Throttled is the limit at so many percent of its rate and burst. What would
// be less than a unit a period is a unit in a longer one, and a burst is at
// least 1 and fills up within 20 years, as every limit does. Percent outside 1
// to 99 changes nothing.
func (l Limit) Throttled(percent int) Limit {
	if percent < 1 || percent > 99 {
		return l
	}
	share := func(units int64) int64 { return max(1, units*int64(percent)/100) }
	if l.Limit*int64(percent) >= 100 {
		l.Limit = share(l.Limit)
		if l.Burst > 0 {
			l.Burst = min(share(l.Burst), l.maxCapacity()) // rates are rounded, too
		}
		return l
	}
	burst := share(l.Capacity())
	longer := l.Period.Milliseconds() * 100 / int64(percent)
	l.Period = min(time.Duration(longer)*time.Millisecond, MaxPeriod)
	l.Burst = min(burst, l.maxCapacity())
	return l
}
