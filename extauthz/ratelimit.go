package extauthz

import (
	"strconv"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

const (
	// maxReported bounds the limits that are told to a client.
	maxReported = 8
	// maxInteger is the largest integer of a structured field (RFC 9651).
	maxInteger = 999_999_999_999_999
)

// appendRateLimit appends RateLimit-Policy and RateLimit as in
// draft-ietf-httpapi-ratelimit-headers-11: two lists whose items are named
// after the limits, q the quota, w its window, r what remains, t the seconds
// until there is more. Nothing is appended when no limit was asked. policy is
// the first of the two if it has been encoded already.
func appendRateLimit(b []byte, tag byte, limits []pipeline.LimitOutcome, policy string) []byte {
	if len(limits) == 0 {
		return b
	}
	if policy != "" {
		b = append(b, policy...)
	} else {
		b = appendLimitField(b, tag, "ratelimit-policy", limits, appendPolicy)
	}
	return appendLimitField(b, tag, "ratelimit", limits, appendRemaining)
}

func appendLimitField(b []byte, tag byte, name string, limits []pipeline.LimitOutcome,
	item func([]byte, *pipeline.LimitOutcome) []byte,
) []byte {
	b, option := open(b, tag)
	b, header := open(b, tagOptionHeader)
	b = appendField(b, tagHeaderKey, name)
	b, value := open(b, tagHeaderValue)
	reported := 0
	for i := range limits {
		if reported == maxReported {
			break
		}
		if !tightest(limits, i) {
			continue
		}
		if reported > 0 {
			b = append(b, ", "...)
		}
		b = appendQuoted(b, limits[i].Name)
		b = item(b, &limits[i])
		reported++
	}
	b = shut(b, value)
	b = shut(b, header)
	return shut(appendOverwrite(b), option)
}

func appendPolicy(b []byte, l *pipeline.LimitOutcome) []byte {
	b = appendInteger(append(b, ";q="...), l.Limit)
	return appendInteger(append(b, ";w="...), max(1, seconds(l.Period)))
}

func appendRemaining(b []byte, l *pipeline.LimitOutcome) []byte {
	b = appendInteger(append(b, ";r="...), l.Remaining)
	if l.Reset >= limit.Never {
		return b
	}
	return appendInteger(append(b, ";t="...), seconds(l.Reset))
}

func appendInteger(b []byte, n int64) []byte {
	return strconv.AppendInt(b, min(max(n, 0), maxInteger), 10)
}

// tightest reports whether no other limit of the same name leaves less: key,
// plan and owner may use one name, and an item must be named once.
func tightest(limits []pipeline.LimitOutcome, i int) bool {
	for j := range limits {
		if j == i || limits[j].Name != limits[i].Name {
			continue
		}
		if limits[j].Remaining < limits[i].Remaining || limits[j].Remaining == limits[i].Remaining && j < i {
			return false
		}
	}
	return true
}

// longestReset is the time after which all limits that refused have room
// again: Retry-After must not be shorter than what RateLimit says.
func longestReset(limits []pipeline.LimitOutcome) int64 {
	var longest int64
	for i := range limits {
		if limits[i].Refused {
			longest = max(longest, seconds(limits[i].Reset))
		}
	}
	return longest
}

// appendQuoted appends the text as a quoted string that means the same in a
// structured field, in a challenge and in JSON: visible ASCII, with quote and
// backslash escaped; any other byte becomes a question mark.
func appendQuoted(b []byte, text string) []byte {
	b = append(b, '"')
	for i := 0; i < len(text) && i < maxValue; i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 0x7f:
			b = append(b, '?')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
