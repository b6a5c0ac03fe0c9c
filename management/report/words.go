package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// number writes 1234567 as 1,234,567.
func number[T int | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// short writes large numbers in three digits: 1.2M.
func short(n int64) string {
	for _, unit := range []struct {
		of   int64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.of {
			return strconv.FormatFloat(float64(n)/float64(unit.of), 'g', 3, 64) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// percent writes a share; what is little is not nothing.
func percent(part, of int64) string {
	if of == 0 || part == 0 {
		return "0 %"
	}
	p := 100 * float64(part) / float64(of)
	switch {
	case p < 0.01:
		return "< 0.01 %"
	case p < 1:
		return strconv.FormatFloat(p, 'f', 2, 64) + " %"
	case p < 10:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// change says how a number compares with the one before; "" when there was
// nothing to compare with.
func change(now, before int64) string {
	if before == 0 {
		return ""
	}
	p := 100 * (float64(now) - float64(before)) / float64(before)
	switch {
	case p > 999:
		return "more than ten times as much as before"
	case p >= 0.5:
		return fmt.Sprintf("up %.0f %%", p)
	case p <= -0.5:
		return fmt.Sprintf("down %.0f %%", -p)
	}
	return "as before"
}

// took writes a length of time that a Check takes.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 1, 64) + " µs"
	case d < time.Second:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	}
	return d.Round(time.Millisecond).String()
}

// instant writes a point in time; "never" for none.
func instant(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func day(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02")
}

// title names the report.
func (r *Report) title() string {
	kind := map[string]string{"daily": "Daily report", "weekly": "Weekly report", "monthly": "Monthly report"}[r.Span]
	if kind == "" {
		kind = "Report"
	}
	return kind + ", " + r.scope()
}

func (r *Report) scope() string {
	if r.Namespace == "" {
		return "all namespaces"
	}
	return "namespace " + r.Namespace
}

// times says which time the report is about.
func (r *Report) times() string {
	since, until := r.Since.UTC(), r.Until.UTC()
	if whole := 24 * time.Hour; since.Equal(since.Truncate(whole)) && until.Equal(until.Truncate(whole)) {
		last := until.AddDate(0, 0, -1)
		if last.Equal(since) {
			return day(since) + " (UTC)"
		}
		return day(since) + " to " + day(last) + " (UTC)"
	}
	return instant(since) + " to " + instant(until) + " (UTC)"
}

// many writes a number of things.
func many[T int | int64](n T, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + more
}

// keyOf is the id of the key that was counted; Checks without one have none.
func keyOf(s *Sum) string {
	if s.ID == "" {
		return "(no key)"
	}
	return s.ID
}

// readable turns snake_case into words.
func readable(word string) string { return strings.ReplaceAll(word, "_", " ") }
