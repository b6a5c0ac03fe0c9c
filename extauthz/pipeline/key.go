package pipeline

import (
	"net/netip"
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
}

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
