package extauthz

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"credence/extauthz/pipeline"
)

// AnswerOptions shape what clients and upstreams see. The zero value is a
// full set of headers.
type AnswerOptions struct {
	// Realm stands in the challenge of a 401; "credence" by default.
	Realm string
	// KeyHeader names the header that the challenge of a 401 asks for, when
	// keys are not accepted as bearer tokens; empty when they are.
	KeyHeader string
	// KeyPlaces tells a caller without a key where to put it, as the end of
	// "send it ...": "in the header x-api-key". Empty says nothing of places.
	KeyPlaces string
	// Identity are the headers that tell the upstream who is calling.
	Identity Identity
	// Metadata are the fields of dynamic metadata that are sent, of those that
	// [MetadataFields] names; nil is all of them, an empty list none.
	Metadata []string
	// NoRateLimitFields leaves RateLimit and RateLimit-Policy out.
	NoRateLimitFields bool
	// KeepCredential lets the key reach the upstream, for upstreams that check
	// it again. Without it the key is removed where it stood.
	KeepCredential bool
}

// kind groups the reasons by the form of their answer.
type kind uint8

const (
	kindAllow     kind = iota
	kindBad            // the request makes no sense
	kindAmbiguous      // several credentials: 400 with a challenge
	kindMissing        // no credential: the challenge has no error
	kindInvalid        // a credential that cannot be used; all look the same
	kindForbidden
	kindScope   // forbidden, and the challenge names the scope
	kindLimited // too much: the caller should wait
	kindFailed  // our side cannot decide
)

// row says how a reason is answered.
type row struct {
	reason pipeline.Reason
	kind   kind
	http   int
	// status is what stands in CheckResponse.status and, for a gRPC caller,
	// in the header grpc-status; without it Envoy would derive the code from
	// the HTTP one, and a 429 would look like UNAVAILABLE, which clients retry.
	status codes.Code
	code   string // for programs, stable
	detail string // for people, one plain sentence
	// identified is true where the key stood and only this request was
	// refused: a watching route may then tell the upstream who it is.
	identified bool
}

// rows is the table of answers, one row for every reason. The texts tell a
// caller nothing that would help to guess keys.
func rows() []row {
	const (
		bad, scope, limited, failed = kindBad, kindScope, kindLimited, kindFailed
		invalid, forbidden          = kindInvalid, kindForbidden
		invalidText                 = "The API key is not valid."
		forbiddenText               = "This request is not allowed."
		unavailableText             = "The request could not be checked, try again."
	)
	return []row{
		{pipeline.ReasonAllowed, kindAllow, 200, codes.OK, "", "", true},
		{pipeline.ReasonAllowedAnonymous, kindAllow, 200, codes.OK, "", "", false},

		{pipeline.ReasonBadRequest, bad, 400, codes.InvalidArgument, "bad_request", "The request cannot be read.", false},
		{pipeline.ReasonBadClientAddress, bad, 400, codes.InvalidArgument, "bad_request", "The request cannot be read.", false},
		{pipeline.ReasonBlacklisted, forbidden, 403, codes.PermissionDenied, "forbidden", forbiddenText, false},
		{pipeline.ReasonAddressLimited, limited, 429, codes.ResourceExhausted, "rate_limited", "Too many requests from this address.", false},
		{pipeline.ReasonBadRoutePolicy, failed, 503, codes.Unavailable, "unavailable", unavailableText, false},

		{pipeline.ReasonMissingKey, kindMissing, 401, codes.Unauthenticated, "missing_api_key", "An API key is required.", false},
		{pipeline.ReasonAmbiguousKey, kindAmbiguous, 400, codes.InvalidArgument, "ambiguous_api_key", "Send exactly one API key, in one place.", false},
		{pipeline.ReasonMalformedKey, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonUnknownKey, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonTooManyFailures, limited, 429, codes.ResourceExhausted, "rate_limited", "Too many failed attempts from this address.", false},

		{pipeline.ReasonRevoked, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonDisabled, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonSuspended, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonExpired, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonGraceEnded, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},
		{pipeline.ReasonNotYetValid, invalid, 401, codes.Unauthenticated, "invalid_api_key", invalidText, false},

		{pipeline.ReasonNamespaceNotAllowed, forbidden, 403, codes.PermissionDenied, "forbidden", forbiddenText, true},
		{pipeline.ReasonNetworkNotAllowed, forbidden, 403, codes.PermissionDenied, "forbidden", forbiddenText, true},
		{pipeline.ReasonRouteNotAllowed, forbidden, 403, codes.PermissionDenied, "forbidden", forbiddenText, true},
		{pipeline.ReasonScopeMissing, scope, 403, codes.PermissionDenied, "insufficient_scope", "The API key lacks a scope that this request needs.", true},

		{pipeline.ReasonRateLimited, limited, 429, codes.ResourceExhausted, "rate_limited", "Too many requests, slow down.", true},
		{pipeline.ReasonQuotaExhausted, limited, 429, codes.ResourceExhausted, "quota_exhausted", "The quota is used up.", true},

		{pipeline.ReasonUnavailable, failed, 503, codes.Unavailable, "unavailable", unavailableText, false},
		{pipeline.ReasonInternal, failed, 503, codes.Unavailable, "unavailable", unavailableText, false},
	}
}

// answerer turns decisions into encoded CheckResponses. It is immutable.
type answerer struct {
	denials    []denial // by reason
	identified []bool   // by reason
	identity   *identity
	metadata   *metadataWriter
	rateLimit  bool
	keep       bool // the credential
}

// Validate reports the first option that makes no sense, by its name.
func (o AnswerOptions) Validate() error {
	_, err := newAnswerer(o)
	return err
}

func newAnswerer(o AnswerOptions) (*answerer, error) {
	challenge, err := newChallenge(o.Realm, o.KeyHeader)
	if err != nil {
		return nil, err
	}
	id, err := newIdentity(o.Identity)
	if err != nil {
		return nil, err
	}
	fields, err := newMetadataWriter(o.Metadata)
	if err != nil {
		return nil, err
	}
	a := &answerer{identity: id, metadata: fields, rateLimit: !o.NoRateLimitFields, keep: o.KeepCredential}
	if len(o.KeyPlaces) > maxValue || !printable(o.KeyPlaces) || strings.ContainsAny(o.KeyPlaces, `"\`) {
		return nil, fmt.Errorf("option Answer.KeyPlaces: %q: use at most %d visible ASCII characters without quotes", o.KeyPlaces, maxValue)
	}
	for _, r := range rows() {
		if r.kind == kindMissing && o.KeyPlaces != "" {
			r.detail = strings.TrimSuffix(r.detail, ".") + ": send it " + o.KeyPlaces + "."
		}
		for len(a.denials) <= int(r.reason) {
			a.denials = append(a.denials, denial{})
			a.identified = append(a.identified, false)
		}
		a.identified[r.reason] = r.identified
		if r.kind == kindAllow {
			continue
		}
		if r.http < 400 || r.http > 599 || http.StatusText(r.http) == "" || r.status == codes.OK {
			return nil, fmt.Errorf("answer for %s: %d and %s: a denial needs 400 to 599 and a gRPC code that is not OK",
				r.reason, r.http, r.status)
		}
		a.denials[r.reason] = newDenial(r, challenge)
	}
	for _, r := range pipeline.Reasons() {
		if int(r) >= len(a.denials) || !r.Allowed() && a.denials[r].head == nil {
			return nil, errors.New("answer for " + r.String() + ": the table has no row for it")
		}
	}
	return a, nil
}

// answer encodes the decision. What was malformed, and what cannot be carried
// out in full, is denied whatever the decision says; so is a reason without a
// row.
func (a *answerer) answer(c *check) {
	d := &c.decision
	allowed := d.Allowed()
	if allowed && (c.request.Malformed || int(d.Reason) >= len(a.denials) || !visible(d.Credential.Query)) {
		d.Reason, d.Shadow, allowed = pipeline.ReasonInternal, false, false
	}
	c.out = c.home.answers.Get(0)
	b := *c.out
	if allowed {
		b = a.appendAllow(b, c)
	} else {
		b = a.appendDenied(b, c)
	}
	b = a.metadata.append(b, d, allowed)
	*c.out = b
}

// appendAllow appends status 0 and the changes to the request. On a watching
// route that would have refused, the credential stays where it is unless the
// key stood: it may be one that only the upstream knows.
func (a *answerer) appendAllow(b []byte, c *check) []byte {
	d := &c.decision
	b = appendStatus(b, byte(codes.OK))
	b, ok := open(b, tagOK)
	key := d.Key
	stood := a.identified[d.Reason]
	if !stood {
		key = nil
	}
	b = a.identity.append(b, key, c.request.Headers)
	remove := stood && !a.keep
	if remove && d.Credential.Header != "" {
		b = appendField(b, tagOKRemove, d.Credential.Header)
	}
	if a.rateLimit {
		b = appendRateLimit(b, tagOKResponseHeaders, d.Limits, policyOf(d))
	}
	if remove && len(d.Credential.Query) > 0 {
		b = appendField(b, tagOKRemoveQuery, d.Credential.Query)
	}
	return shut(b, ok)
}

// appendDenied appends a status that is not 0 and the reply to the client. A
// network (L4) check has no reply: Envoy closes the connection.
func (a *answerer) appendDenied(b []byte, c *check) []byte {
	d := &c.decision
	if d.Reason == pipeline.ReasonNone || d.Reason.Allowed() || int(d.Reason) >= len(a.denials) {
		d.Reason = pipeline.ReasonInternal
	}
	deny := &a.denials[d.Reason]
	b = append(b, deny.head...)
	if !c.request.HTTP && !c.request.Malformed {
		return b
	}
	b, denied := open(b, tagDenied)
	b = append(b, deny.httpStatus...)
	switch {
	case c.grpcFilter():
		b = deny.appendPlain(b, c, a.rateLimit)
	case c.grpcCaller():
		b = append(b, deny.grpcStatus...)
		b = deny.appendPlain(b, c, a.rateLimit)
	default:
		b = deny.appendProblem(b, c, a.rateLimit)
	}
	return shut(b, denied)
}
