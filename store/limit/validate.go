package limit

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Bounds of limits and quotas.
const (
	MaxLimit      = 1_000_000_000 // units per period, and burst
	MinPeriod     = time.Millisecond
	MaxPeriod     = 366 * 24 * time.Hour
	MaxCost       = 1_000_000 // units of one request
	MaxNameSize   = 63
	MaxLimits     = 8 // of one key, plan or owner
	MaxQuotas     = 4
	MaxQuotaLimit = 1_000_000_000_000_000
)

// maxRefill bounds the time in which an empty budget fills up, burst x
// period / limit. It keeps every sum with an instant inside int64 until the
// year 2240; a budget that takes longer is a mistake.
const maxRefill = 20 * MaxPeriod

// Error says what is wrong with a limit or quota, and what to do.
type Error struct {
	Field   string // "limit", "period", "limits[2].burst", ...
	Problem string // with the value
	Remedy  string
}

func (e *Error) Error() string { return e.Field + ": " + e.Problem + "; " + e.Remedy }

// Validate reports the first thing that is wrong with the limit, as an
// [*Error]; nil when it can be used.
func (l Limit) Validate() error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	if err := l.checkAmounts(); err != nil {
		return err
	}
	return nil
}

// maxCapacity is what fills up within maxRefill.
func (l Limit) maxCapacity() int64 {
	interval := (int64(l.Period) + l.Limit - 1) / l.Limit
	return int64(maxRefill) / interval
}

func (l Limit) checkAmounts() *Error {
	switch {
	case l.Limit < 1 || l.Limit > MaxLimit:
		return outOfRange("limit", l.Limit, 1, MaxLimit)
	case l.Burst < 0 || l.Burst > MaxLimit:
		return outOfRange("burst", l.Burst, 0, MaxLimit)
	case l.Period < MinPeriod || l.Period > MaxPeriod:
		return &Error{"period", fmt.Sprintf("%v is not between 1ms and 366d", l.Period), "give a period such as 1s, 10m or 24h"}
	case l.Period%time.Millisecond != 0:
		return &Error{"period", fmt.Sprintf("%v is not a whole number of milliseconds", l.Period), "round it"}
	case l.Limit > int64(l.Period):
		return &Error{"limit", fmt.Sprintf("%d per %v is more than one unit per nanosecond", l.Limit, l.Period), "give a longer period or a lower limit"}
	}
	if l.Capacity() > l.maxCapacity() {
		return &Error{"burst", fmt.Sprintf("%d would take more than 20 years to refill at %d per %v", l.Capacity(), l.Limit, l.Period), "give a smaller burst or a faster limit"}
	}
	return nil
}

// Validate reports the first thing that is wrong with the quota, as an
// [*Error]; nil when it can be used.
func (q Quota) Validate() error {
	switch q.Period {
	case QuotaDay, QuotaMonth:
	default:
		return &Error{"period", fmt.Sprintf("%.40q is no calendar period", string(q.Period)), `give "day" or "month"`}
	}
	if err := checkName(q.Name); err != nil {
		return err
	}
	if q.Limit < 1 || q.Limit > MaxQuotaLimit {
		return outOfRange("limit", q.Limit, 1, MaxQuotaLimit)
	}
	return nil
}

// Validate reports the first thing that is wrong with the limits and quotas of
// one key, plan or owner, as an [*Error]; nil when they can be used. Names are
// unique over both lists, since answers to callers name limits and quotas
// alike.
func Validate(limits []Limit, quotas []Quota) error {
	if len(limits) > MaxLimits {
		return &Error{"limits", fmt.Sprintf("has %d entries", len(limits)), fmt.Sprintf("give at most %d", MaxLimits)}
	}
	if len(quotas) > MaxQuotas {
		return &Error{"quotas", fmt.Sprintf("has %d entries", len(quotas)), fmt.Sprintf("give at most %d", MaxQuotas)}
	}
	seen := make(map[string]bool, len(limits)+len(quotas))
	for i, l := range limits {
		if err := checkEntry("limits", i, l.Name, l.Validate(), seen); err != nil {
			return err
		}
	}
	for i, q := range quotas {
		if err := checkEntry("quotas", i, q.Name, q.Validate(), seen); err != nil {
			return err
		}
	}
	return nil
}

func checkEntry(list string, i int, name string, err error, seen map[string]bool) error {
	field := list + "[" + strconv.Itoa(i) + "]."
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{field + e.Field, e.Problem, e.Remedy}
	}
	if seen[name] {
		return &Error{field + "name", fmt.Sprintf("%q is there twice", name), "give each limit and quota a name of its own, such as other=10/s"}
	}
	seen[name] = true
	return nil
}

func checkName(name string) error {
	ok := name != "" && len(name) <= MaxNameSize
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
	}
	if !ok {
		return &Error{"name", fmt.Sprintf("%.80q is not 1 to %d of a-z, 0-9, _ and -", name, MaxNameSize), "choose one such as per-second"}
	}
	return nil
}

func outOfRange(field string, value, least, most int64) *Error {
	return &Error{field, fmt.Sprintf("%d is not between %d and %d", value, least, most), "give a number in that range"}
}
