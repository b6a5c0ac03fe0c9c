package management

import (
	"fmt"
	"time"
)

// The years that RFC 3339 can write and that make sense for a key.
const (
	firstYear = 1970
	lastYear  = 9999
)

// instant checks a point in time and answers it as stored: UTC, microseconds.
// The zero time passes: it stands for none.
func (p *problems) instant(field string, value time.Time) time.Time {
	value = value.UTC().Truncate(time.Microsecond)
	if !value.IsZero() && (value.Year() < firstYear || value.Year() > lastYear) {
		p.add(field, fmt.Sprintf("is in the year %d", value.Year()), fmt.Sprintf("use a year from %d to %d", firstYear, lastYear))
	}
	return value
}

// end checks two ways of saying when something ends: an instant, or a Go
// duration from now. Neither means never.
func (p *problems) end(instantField string, instant time.Time, spanField, span string) time.Time {
	if span == "" {
		instant = p.instant(instantField, instant)
		if !instant.IsZero() && !instant.After(p.now) {
			p.add(instantField, "is in the past", "use an instant after "+p.now.Format(time.RFC3339))
		}
		return instant
	}
	if !instant.IsZero() {
		p.add(spanField, "is given together with "+instantField, "give one of the two")
		return time.Time{}
	}
	length, err := time.ParseDuration(span)
	switch {
	case err != nil:
		p.add(spanField, quoted(span)+" is no duration", `write it like "720h", "90m" or "1h30m"`)
	case length <= 0:
		p.add(spanField, quoted(span)+" ends in the past", "use a duration above zero")
	case length < time.Second:
		p.add(spanField, quoted(span)+" is shorter than a second", "use at least 1s")
	}
	return p.now.Add(length).UTC().Truncate(time.Microsecond)
}

// span checks a length of time between two bounds.
func (p *problems) span(field, value string, least, most time.Duration) time.Duration {
	length, err := time.ParseDuration(value)
	switch {
	case err != nil:
		p.add(field, quoted(value)+" is no duration", `write it like "24h", "90m" or "1h30m"`)
	case length < least || length > most:
		p.add(field, quoted(value)+" is out of range", fmt.Sprintf("use %s to %s", least, most))
	}
	return length.Truncate(time.Microsecond)
}

// order notes a life that ends before it begins.
func (p *problems) order(notBefore, expiresAt time.Time) {
	if !notBefore.IsZero() && !expiresAt.IsZero() && !notBefore.Before(expiresAt) {
		p.add("not_before", "is not before the end, "+expiresAt.Format(time.RFC3339), "begin earlier or end later")
	}
}

// leastRotation is the shortest time after which a key can be due for rotation:
// the control plane looks once an hour.
const leastRotation = time.Hour

func (p *problems) rotateEvery(value string) time.Duration {
	if value == "" || value == "0s" {
		return 0
	}
	return p.span("rotate_every", value, leastRotation, maxLife)
}
