package extauthz

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// quotaProblem is the problem type that the RateLimit draft registers.
const quotaProblem = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// denial is the prebuilt answer for one reason: encoded pieces of a
// CheckResponse, to which the few parts that change are appended.
type denial struct {
	kind       kind
	head       []byte // CheckResponse.status
	httpStatus []byte // DeniedHttpResponse.status
	grpcStatus []byte // the header grpc-status
	common     []byte // headers of every form
	json       []byte // headers of the HTTP form
	problem    []byte // the body without its end
	sentence   []byte // the body for gRPC callers, encoded
	challenge  string // of kindScope, without the scope
}

// newDenial prebuilds the answer of a row. Denials are never cached.
func newDenial(r row, c challenge) denial {
	d := denial{kind: r.kind, head: appendStatus(nil, byte(r.status))}
	code, start := open(nil, tagDeniedStatus)
	code = append(code, tagHTTPCode)
	code = append(code, byte(r.http&0x7f|0x80), byte(r.http>>7)) // a varint of two bytes, 128 to 16383
	d.httpStatus = shut(code, start)
	d.grpcStatus = appendHeader(nil, tagDeniedHeaders, "grpc-status", strconv.Itoa(int(r.status)))
	d.common = appendHeader(nil, tagDeniedHeaders, "cache-control", "no-store")
	if text := c.of(r.kind); r.kind == kindScope {
		d.challenge = text
	} else if text != "" {
		d.common = appendHeader(d.common, tagDeniedHeaders, "www-authenticate", text)
	}
	d.json = appendHeader(nil, tagDeniedHeaders, "content-type", "application/problem+json")
	d.sentence = appendField(nil, tagDeniedBody, r.detail)

	problemType := "about:blank"
	if r.kind == kindLimited {
		problemType = quotaProblem
	}
	d.problem = fmt.Appendf(nil, `{"type":%q,"title":%q,"status":%d,"detail":%q,"code":%q`,
		problemType, http.StatusText(r.http), r.http, r.detail, r.code)
	return d
}

// appendProblem appends headers and body for an HTTP client (RFC 9457).
func (d *denial) appendProblem(b []byte, c *check, rateLimit bool) []byte {
	b = append(b, d.json...)
	b = d.appendHeaders(b, c, rateLimit)
	b, body := open(b, tagDeniedBody)
	b = append(b, d.problem...)
	if d.kind == kindLimited {
		b = appendViolated(b, c.decision.Limits)
	}
	if id := c.request.Header("x-request-id"); isUUID(id) {
		b = append(b, `,"instance":"urn:uuid:`...)
		b = append(b, id...)
		b = append(b, '"')
	}
	b = append(b, '}')
	return shut(b, body)
}

// appendPlain appends headers and body for a gRPC client, who sees the body
// as the message of the status.
func (d *denial) appendPlain(b []byte, c *check, rateLimit bool) []byte {
	return append(d.appendHeaders(b, c, rateLimit), d.sentence...)
}

func (d *denial) appendHeaders(b []byte, c *check, rateLimit bool) []byte {
	b = append(b, d.common...)
	if d.kind == kindScope {
		b = d.appendScopeChallenge(b, c.decision.MissingScope)
	}
	if d.kind == kindLimited || d.kind == kindFailed {
		b = appendRetryAfter(b, &c.decision)
	}
	if d.kind == kindLimited && rateLimit {
		b = appendRateLimit(b, tagDeniedHeaders, c.decision.Limits, "")
	}
	return b
}

// appendRetryAfter says when to come back: never sooner than RateLimit says,
// and nothing at all where waiting does not help (a request that costs more
// than its limit ever holds).
func appendRetryAfter(b []byte, d *pipeline.Decision) []byte {
	longest := longestReset(d.Limits)
	if longest >= seconds(limit.Never) {
		return b
	}
	var digits [20]byte
	wait := max(1, seconds(d.RetryAfter), longest)
	return appendHeader(b, tagDeniedHeaders, "retry-after", strconv.AppendInt(digits[:0], wait, 10))
}

// appendScopeChallenge names the missing scope where RFC 6750 can carry it.
func (d *denial) appendScopeChallenge(b, scope []byte) []byte {
	if d.challenge == "" {
		return b
	}
	b, option := open(b, tagDeniedHeaders)
	b, header := open(b, tagOptionHeader)
	b = appendField(b, tagHeaderKey, "www-authenticate")
	b, value := open(b, tagHeaderValue)
	b = append(b, d.challenge...)
	if isScope(scope) {
		b = append(b, `, scope="`...)
		b = append(b, scope...)
		b = append(b, '"')
	}
	b = shut(b, value)
	b = shut(b, header)
	return shut(appendOverwrite(b), option)
}

// appendViolated names the limits that refused, in the member that the
// RateLimit draft gives its problem type.
func appendViolated(b []byte, limits []pipeline.LimitOutcome) []byte {
	first := true
	for i := range limits {
		if !limits[i].Refused || !tightest(limits, i) {
			continue
		}
		if first {
			b = append(b, `,"violated-policies":[`...)
		} else {
			b = append(b, ',')
		}
		b, first = appendQuoted(b, limits[i].Name), false
	}
	if !first {
		b = append(b, ']')
	}
	return b
}

// challenge makes the value of WWW-Authenticate. There is no registered
// scheme for API keys; Bearer is, and carries an error (RFC 6750).
type challenge struct {
	bearer bool
	text   string
}

func newChallenge(realm, keyHeader string) (challenge, error) {
	if realm == "" {
		realm = "credence"
	}
	if len(realm) > maxValue || !printable(realm) {
		return challenge{}, fmt.Errorf("option Answer.Realm: %q: use at most %d visible ASCII characters", realm, maxValue)
	}
	quoted := string(appendQuoted(nil, realm))
	if keyHeader == "" {
		return challenge{bearer: true, text: "Bearer realm=" + quoted}, nil
	}
	if !isHeaderName(keyHeader) {
		return challenge{}, errors.New("option Answer.KeyHeader: " + strconv.Quote(keyHeader) +
			": not a header name: use lower-case letters, digits and dashes")
	}
	return challenge{text: "ApiKey realm=" + quoted + `, header="` + keyHeader + `"`}, nil
}

// of answers the challenge for a kind of denial, empty where none belongs.
// Without a credential there is no error to name.
func (c challenge) of(k kind) string {
	var problem string
	switch k {
	case kindMissing:
		return c.text
	case kindInvalid:
		problem = "invalid_token"
	case kindAmbiguous:
		problem = "invalid_request"
	case kindScope:
		problem = "insufficient_scope"
	case kindAllow, kindBad, kindForbidden, kindLimited, kindFailed:
		return ""
	}
	if c.bearer {
		return c.text + `, error="` + problem + `"`
	}
	if k == kindInvalid { // a 401 carries a challenge in any case
		return c.text
	}
	return ""
}

// seconds rounds up to whole seconds.
func seconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	whole := int64(d / time.Second)
	if d%time.Second > 0 {
		whole++
	}
	return whole
}

// isScope reports whether the text can stand in a scope attribute (RFC 6749,
// section 3.3).
func isScope(text []byte) bool {
	for _, b := range text {
		if b <= ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= maxValue
}

// isUUID reports whether the text has the form of a UUID, the only form in
// which a client's request id is repeated.
func isUUID(text []byte) bool {
	if len(text) != 36 {
		return false
	}
	for i, b := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if b != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", rune(b)) {
			return false
		}
	}
	return true
}
