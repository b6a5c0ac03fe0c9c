package pipeline

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// Key is a key record as the decision needs it: made once when it enters the
// cache, immutable, shared by all Checks. NewKey makes it.
type Key struct {
	KeyID       string
	Namespace   string
	Owner       string
	KeyType     store.KeyType
	Status      store.Status
	Environment string
	Plan        string
	Scopes      []string // sorted
	ScopeText   string   // the scopes joined with a space
	Networks    []netip.Prefix
	Hosts       []string // lower-case
	Methods     []string
	Paths       []string
	NotBefore   time.Time
	ExpiresAt   time.Time
	Hash        credential.Hash
	// Foreign is true for a key that was made elsewhere: its text carries no
	// checksum of ours.
	Foreign bool
	// Limits are the rates of key, plan and owner with the subject each is
	// counted for; Quotas likewise.
	Limits []SubjectLimit
	Quotas []SubjectQuota
	// Encoded are the parts of an answer that depend on the key alone, encoded
	// by the transport when the key was made. The pipeline does not read them.
	Encoded Encoded
}

// Encoded holds pieces of answers in the transport's form, in one allocation.
// The zero value holds none.
type Encoded struct {
	bytes    []byte
	identity uint16 // where it ends
	metadata uint16
}

// NewEncoded keeps copies of the pieces. Pieces that are too long to be kept
// are not: the transport then encodes them for each answer.
func NewEncoded(identity, metadata, policy []byte) Encoded {
	if len(identity)+len(metadata) > math.MaxUint16 {
		return Encoded{}
	}
	return Encoded{
		bytes:    slices.Concat(identity, metadata, policy),
		identity: uint16(len(identity)), metadata: uint16(len(identity) + len(metadata)),
	}
}

// Present reports whether the pieces are there.
func (e *Encoded) Present() bool { return len(e.bytes) > 0 }

// Identity are the headers that say who calls.
func (e *Encoded) Identity() []byte { return e.bytes[:e.identity] }

// Metadata are the fields that say who calls.
func (e *Encoded) Metadata() []byte { return e.bytes[e.identity:e.metadata] }

// Policy are the headers that say what the limits are; empty when they differ
// from one moment to the next, or there is nothing to say.
func (e *Encoded) Policy() []byte { return e.bytes[e.metadata:] }

// SubjectLimit is a rate and whom it is counted for.
type SubjectLimit struct {
	Subject string // "key:<key id>" or "owner:<namespace>/<name>"
	// Label names the limit in answers ([LimitOutcome.Name]) and is unique
	// among the limits and quotas of the key. It is no part of what is counted.
	Label string
	limit.Limit
}

// SubjectQuota is a calendar budget and whom it is counted for.
type SubjectQuota struct {
	Subject string
	Label   string // as in [SubjectLimit]
	limit.Quota
}
