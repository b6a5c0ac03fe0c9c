package limit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units of a period, largest first.
func units() []unit {
	return []unit{
		{"d", "per-day", 24 * time.Hour},
		{"h", "per-hour", time.Hour},
		{"m", "per-minute", time.Minute},
		{"s", "per-second", time.Second},
		{"ms", "per-millisecond", time.Millisecond},
	}
}

type unit struct {
	letters string
	name    string // of a limit over one of it
	size    time.Duration
}

const (
	limitForms = "write it as 10/s, 600/10m, 10/s burst 20 or name=10/s"
	quotaForms = "write it as 10000/day or name=1000000/month"
)

// Parse reads a limit in the notation of the package comment and validates
// it. The error is an [*Error].
func Parse(text string) (Limit, error) {
	name, rest := cutName(text)
	words := strings.Fields(rest)
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return Limit{}, &Error{"limit", fmt.Sprintf("%.80q is not a limit", text), limitForms}
	}
	amount, period, found := strings.Cut(words[0], "/")
	if !found {
		return Limit{}, &Error{"limit", fmt.Sprintf("%.80q has no period", text), limitForms}
	}
	var l Limit
	var err error
	if l.Limit, err = parseAmount("limit", amount, limitForms); err != nil {
		return Limit{}, err
	}
	if l.Period, err = parsePeriod(period); err != nil {
		return Limit{}, err
	}
	if len(words) == 3 {
		if l.Burst, err = parseAmount("burst", words[2], limitForms); err != nil {
			return Limit{}, err
		}
		if l.Burst == 0 {
			return Limit{}, &Error{"burst", "0 would admit nothing", "give at least 1, or leave burst out"}
		}
	}
	if l.Name = defaultName(l.Period); name != nil {
		l.Name = *name
	}
	if err := l.Validate(); err != nil {
		return Limit{}, err
	}
	return l, nil
}

// Format writes a limit so that [Parse] reads it back: without the name that
// Parse would give it anyway, and without a burst of 0.
func Format(l Limit) string {
	var b strings.Builder
	if l.Name != defaultName(l.Period) {
		b.WriteString(l.Name + "=")
	}
	b.WriteString(strconv.FormatInt(l.Limit, 10) + "/" + formatPeriod(l.Period))
	if l.Burst != 0 {
		b.WriteString(" burst " + strconv.FormatInt(l.Burst, 10))
	}
	return b.String()
}

// ParseQuota reads a quota in the notation of the package comment and
// validates it. The error is an [*Error].
func ParseQuota(text string) (Quota, error) {
	name, rest := cutName(text)
	amount, period, found := strings.Cut(strings.TrimSpace(rest), "/")
	if !found {
		return Quota{}, &Error{"quota", fmt.Sprintf("%.80q has no period", text), quotaForms}
	}
	q := Quota{Period: QuotaPeriod(period)}
	var err error
	if q.Limit, err = parseAmount("limit", amount, quotaForms); err != nil {
		return Quota{}, err
	}
	if q.Name = defaultQuotaName(q.Period); name != nil {
		q.Name = *name
	}
	if err := q.Validate(); err != nil {
		return Quota{}, err
	}
	return q, nil
}

// FormatQuota writes a quota so that [ParseQuota] reads it back.
func FormatQuota(q Quota) string {
	text := strconv.FormatInt(q.Limit, 10) + "/" + string(q.Period)
	if q.Name != defaultQuotaName(q.Period) {
		return q.Name + "=" + text
	}
	return text
}

// cutName parts "name=rest"; name is nil where there is none.
func cutName(text string) (name *string, rest string) {
	before, after, found := strings.Cut(text, "=")
	if !found {
		return nil, text
	}
	before = strings.TrimSpace(before)
	return &before, after
}

// parseAmount reads decimal digits alone: strconv would also take a sign.
func parseAmount(field, text, remedy string) (int64, error) {
	n, ok := digits(text)
	if !ok {
		return 0, &Error{field, fmt.Sprintf("%.40q is not a whole number", text), remedy}
	}
	return n, nil
}

// digits reads 1 to 18 decimal digits, which always fit.
func digits(text string) (int64, bool) {
	if text == "" || len(text) > 18 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// parsePeriod reads "s", "10m" or "1h30m": units from large to small, each
// with a number, which only a single unit may leave out.
func parsePeriod(text string) (time.Duration, error) {
	bad := &Error{"period", fmt.Sprintf("%.40q is not a period", text), "write s, m, h, d, or numbers with units such as 10m or 1h30m"}
	var sum time.Duration
	rest, counted := text, false
	for _, u := range units() {
		if !counted && rest == u.letters {
			return u.size, nil
		}
		end := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		tail, found := strings.CutPrefix(rest[end:], u.letters)
		// "ms" begins with "m": minutes are followed by a digit or nothing.
		if !found || u.letters == "m" && strings.HasPrefix(tail, "s") {
			continue
		}
		n, ok := digits(rest[:end])
		if !ok || n > int64(math.MaxInt64-sum)/int64(u.size) {
			return 0, bad
		}
		sum += time.Duration(n) * u.size
		rest, counted = tail, true
	}
	if rest != "" || !counted {
		return 0, bad
	}
	return sum, nil
}

// formatPeriod is the shortest form that parsePeriod reads back.
func formatPeriod(period time.Duration) string {
	var b strings.Builder
	for _, u := range units() {
		if period == u.size {
			return u.letters
		}
	}
	for _, u := range units() {
		if n := int64(period / u.size); n > 0 {
			b.WriteString(strconv.FormatInt(n, 10) + u.letters)
			period %= u.size
		}
	}
	return b.String()
}

func defaultName(period time.Duration) string {
	for _, u := range units() {
		if period == u.size {
			return u.name
		}
	}
	return "per-" + formatPeriod(period)
}

func defaultQuotaName(period QuotaPeriod) string {
	switch period {
	case QuotaDay:
		return "daily"
	case QuotaMonth:
		return "monthly"
	}
	return ""
}
