package pipeline

import (
	"math"
	"net/netip"
	"strings"
	"time"
	"unique"
	"unsafe"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// Key is a key record as the decision needs it: made once when it enters the
// cache, immutable but for its seat and those of its limits, shared by all Checks.
// NewKey makes it. A cache holds as many as there are keys, so its size counts:
// it is four cache lines, and what most keys lack, or share, is elsewhere.
type Key struct {
	// What a Check does not look at as a rule, since it stands encoded below.
	KeyID   string
	Owner   string
	Plan    string
	KeyType Shared // a store.KeyType

	Namespace   string
	Status      store.Status
	Environment string
	Scopes      string // sorted, joined with a space
	ExpiresAt   int64  // Unix microseconds, as exact as the store; 0 is never. Of a key that was rotated: the end of its grace, if that comes first
	Hash        credential.Hash
	// Bounds are where and from when on the key may be used; nil is everywhere
	// and at once.
	Bounds *Bounds
	// Limits are the rates of key, plan and owner with the subject each is
	// counted for; Quotas likewise.
	Limits []SubjectLimit
	Quotas []SubjectQuota

	// The parts of an answer that depend on the key alone, see Encode. The
	// pipeline does not read them.
	encoded string                // identity and metadata; "" for none
	policy  unique.Handle[string] // one for all keys with the same limits
	split   uint16                // where the identity ends
	// Foreign is true for a key that was made elsewhere: its text carries no
	// checksum of ours.
	Foreign bool
	// Rotated is true when ExpiresAt is where the grace of a rotation ends.
	Rotated bool

	seat unsafe.Pointer // see [SeatOfKey]
}

// Copy is a copy without what is remembered in the seats: others may be writing
// there.
func (k *Key) Copy() Key {
	limits := make([]SubjectLimit, len(k.Limits))
	for i := range k.Limits {
		l := &k.Limits[i]
		limits[i] = SubjectLimit{Subject: l.Subject, Label: l.Label, Limit: l.Limit}
	}
	return Key{
		KeyID: k.KeyID, Owner: k.Owner, Plan: k.Plan, KeyType: k.KeyType, Namespace: k.Namespace, Status: k.Status,
		Environment: k.Environment, Scopes: k.Scopes, ExpiresAt: k.ExpiresAt, Hash: k.Hash, Bounds: k.Bounds,
		Limits: limits, Quotas: k.Quotas,
		encoded: k.encoded, policy: k.policy, split: k.split, Foreign: k.Foreign, Rotated: k.Rotated,
	}
}

// Bounds are what a key is bound to; an empty list binds to nothing.
type Bounds struct {
	NotBefore time.Time
	Networks  []netip.Prefix
	Hosts     []string // lower-case
	Methods   []string
	Paths     []string
}

// Encode keeps pieces of answers, in the transport's form, with the key. The key's own texts stand in them
// nearly always: they become parts of that one text, so that each is in memory
// once. Pieces that are too long are not kept: the transport then encodes them
// for each answer. Nobody else may know the key yet.
func (k *Key) Encode(identity, metadata, policy []byte) {
	if len(identity) > math.MaxUint16 {
		return
	}
	k.encoded, k.split = string(identity)+string(metadata), uint16(len(identity))
	k.policy = unique.Make(string(policy))
	own := k.KeyID
	for _, text := range []*string{&k.KeyID, &k.Namespace, &k.Owner, &k.Plan, &k.Scopes} {
		if at := strings.Index(k.encoded, *text); at >= 0 {
			*text = k.encoded[at : at+len(*text)]
		}
	}
	for i := range k.Limits {
		if k.Limits[i].Subject == own {
			k.Limits[i].Subject = k.KeyID
		}
	}
	for i := range k.Quotas {
		if k.Quotas[i].Subject == own {
			k.Quotas[i].Subject = k.KeyID
		}
	}
}

// Encoded reports whether the pieces are there.
func (k *Key) Encoded() bool { return k.encoded != "" }

// EncodedIdentity are the headers that say who calls.
func (k *Key) EncodedIdentity() string { return k.encoded[:k.split] }

// EncodedMetadata are the fields that say who calls.
func (k *Key) EncodedMetadata() string { return k.encoded[k.split:] }

// EncodedPolicy are the headers that say what the limits are; empty when they
// differ from one moment to the next, or there is nothing to say.
func (k *Key) EncodedPolicy() string {
	if !k.Encoded() {
		return ""
	}
	return k.policy.Value()
}

// SubjectLimit is a rate and whom it is counted for.
type SubjectLimit struct {
	Subject string // the key id ("key_..."; of keys that were rotated the first's), or "owner:<namespace>/<name>"
	// Label names the limit in answers ([LimitOutcome.Name]) and is unique
	// among the limits and quotas of the key. It is no part of what is counted.
	Label string
	limit.Limit

	seat unsafe.Pointer // see [Seat]
}

// SubjectQuota is a calendar budget and whom it is counted for.
type SubjectQuota struct {
	Subject string
	Label   string // as in [SubjectLimit]
	limit.Quota
}
