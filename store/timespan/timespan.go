// Package timespan reads and writes lengths of time as people do: Go durations that
// may begin with days, such as 90s, 24h, 30d and 1d12h. A day is 24 hours.
//
// What cannot be read is an error that does not repeat the text: the caller
// says which setting or flag it is, and what would be right.
package timespan

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Parse reads a length. The days stand first and are whole.
func Parse(text string) (time.Duration, error) {
	number, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n > math.MaxInt64/uint64(day) {
		return 0, errors.New("not a number of days")
	}
	d := time.Duration(n) * day // bounded above
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more > math.MaxInt64-d {
		return 0, errors.New("not a duration")
	}
	return d + more, nil
}

// Text writes a length so that Parse reads it again: whole days as days, and
// without the units that are zero.
func Text(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Said writes a length that another program wrote, as Text does. What it
// cannot read stays.
func Said(text string) string {
	d, err := Parse(text)
	if err != nil {
		return text
	}
	return Text(d)
}
