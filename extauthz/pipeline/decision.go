package pipeline

import (
	"net/netip"
	"time"
)

// Decision is the outcome of a Check. The transport reuses it; it holds no
// key text.
type Decision struct {
	Reason Reason
	Stage  Stage // where the decision was made
	// Shadow is true when the route only watches: Reason says what would have
	// happened, and the transport allows the request.
	Shadow bool
	// Policy names the stored route policy that held; "" without one.
	Policy string
	// Key is the record the decision was made on; nil when none was found.
	// It is immutable and shared.
	Key *Key
	// Source says where the record came from.
	Source KeySource
	// Client is the client's address; invalid when none could be found.
	Client netip.Addr
	// Credential says where the credential stood, so that it can be removed.
	Credential Credential
	// Limits are the outcomes of all rate limits that were asked, those of
	// the refusing one included; valid until the Decision is reused.
	Limits []LimitOutcome
	// RetryAfter is how long the caller should wait; zero when waiting does
	// not help or nothing is known.
	RetryAfter time.Duration
	// MissingScope is the first demanded scope the key lacks (from the route
	// policy; may alias the request).
	MissingScope []byte
	// Failure says why no decision could be made; nil unless the reason is
	// [ReasonUnavailable]. It is for the log and never for the caller.
	Failure error
}

// LimitOutcome is what one limit said.
type LimitOutcome struct {
	Name      string
	Quota     bool // a calendar budget
	Limit     int64
	Period    time.Duration // of a quota: the length of this window
	Remaining int64
	Reset     time.Duration // until more is available; of a refusal: until this request would pass, limit.Never if it cannot
	Refused   bool
}

// KeySource says where a key record came from.
type KeySource uint8

// The sources.
const (
	KeySourceNone     KeySource = iota
	KeySourceCache              // a positive cache entry
	KeySourceStore              // read for this Check, or shared with one in flight
	KeySourceNegative           // known not to exist
)

// Credential is a place in the request where a credential was found.
type Credential struct {
	// Header is the lower-case name of the header to remove; "" if none.
	// It is one of the configured names, not a view of the request.
	Header string
	// Query is the raw name of the query parameter to remove exactly as it
	// was spelled (aliases the request); nil if none.
	Query []byte
}

// Reset empties the decision for reuse.
func (d *Decision) Reset() { *d = Decision{Limits: d.Limits[:0]} }

// Allowed reports whether the request may pass.
func (d *Decision) Allowed() bool { return d.Reason.Allowed() || d.Shadow && d.shadowable() }

// shadowable keeps a watching route from letting in what could not be read,
// and whom the blacklist refuses or could not judge.
func (d *Decision) shadowable() bool {
	return d.Reason != ReasonNone && d.Reason != ReasonInternal && d.Reason != ReasonBadRequest &&
		d.Reason != ReasonBadRoutePolicy && d.Reason != ReasonBlacklisted && d.Reason != ReasonBadClientAddress
}
