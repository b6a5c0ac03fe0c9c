package store

import (
	"context"
	"net/netip"
	"time"

	"credence/store/credential"
	"credence/store/limit"
)

// KeyType says what kind of caller a key is for.
type KeyType string

// The key types.
const (
	KeyTypeUser        KeyType = "user"
	KeyTypeService     KeyType = "service"
	KeyTypeIntegration KeyType = "integration"
	KeyTypeSystem      KeyType = "system"
	KeyTypeEmergency   KeyType = "emergency"
)

// KeyTypes lists every key type, in the order people read them.
func KeyTypes() []KeyType {
	return []KeyType{KeyTypeUser, KeyTypeService, KeyTypeIntegration, KeyTypeSystem, KeyTypeEmergency}
}

// Status is the stored state of a key. Expiry is computed, never stored.
type Status string

// The statuses.
const (
	StatusActive    Status = "active"
	StatusDisabled  Status = "disabled"  // by a person, reversible
	StatusSuspended Status = "suspended" // by the system, reversible
	StatusRevoked   Status = "revoked"   // final
	StatusPurged    Status = "purged"    // row kept, everything but the id erased
)

// Statuses lists every status.
func Statuses() []Status {
	return []Status{StatusActive, StatusDisabled, StatusSuspended, StatusRevoked, StatusPurged}
}

// Key is one API key record. The key text is not part of it.
type Key struct {
	KeyID        string // "key_" + time-ordered id; public
	Namespace    string
	Name         string
	Owner        string // name of an owner in the namespace, or ""
	KeyType      KeyType
	Status       Status
	StatusReason string // why it was disabled, suspended or revoked
	Environment  string
	Plan         string // name of a plan in the namespace, or ""
	Scopes       []string
	Limits       []limit.Limit
	Quotas       []limit.Quota
	Networks     []netip.Prefix // client networks allowed; empty: all
	Hosts        []string       // hosts allowed, exact or "*.example.com"; empty: all
	Methods      []string       // methods allowed; empty: all
	Paths        []string       // strict paths allowed, "/a/b" or "/a/*"; empty: all
	Labels       map[string]string
	NotBefore    time.Time // zero: none
	ExpiresAt    time.Time // zero: never
	Hash         credential.Hash
	PepperID     string // which pepper made Hash; "" without one
	ChecksumID   string // which checksum secret signed the text; "" for foreign keys
	CreatedAt    time.Time
	UpdatedAt    time.Time
	StatusAt     time.Time // when Status was last set
	Version      int64
	// LimitsID is the key that this one's limits and quotas are counted for: the
	// first of its chain of rotations. "" is the key itself.
	LimitsID string
	// Throttle is how many percent of its rates and its plan's the key is held
	// to, 1 to 99; 0 is all of them. Quotas and its owner's rates stay.
	Throttle int
	// GraceEndsAt is from when on a key that was rotated is refused; zero while
	// it is not.
	GraceEndsAt time.Time
	// Predecessor and Successor are the keys that this one took over from, and
	// that takes over from it since RotatedAt. With CloseWhenSilent the grace
	// ends early, once nobody has used the key for so long. Only a [KeyReader]
	// answers these four: no decision rests on them.
	Predecessor     string
	Successor       string
	RotatedAt       time.Time
	CloseWhenSilent time.Duration
	// RotateEvery is how long after it was made the key is to have a successor,
	// whatever its policy says; 0 leaves that to the policy. Only a [KeyReader]
	// answers it.
	RotateEvery time.Duration
	// LastUsedAt and LastUsedIP come from usage, to a minute: zero and invalid
	// until the first use. No change of a key writes them, the version does not
	// count them, and only a [KeyReader] answers them.
	LastUsedAt time.Time
	LastUsedIP netip.Addr
}

// Expired reports whether the key's life has ended at now. The end itself is
// already outside.
func (k *Key) Expired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
}

// Rotated reports whether another key takes over from it.
func (k *Key) Rotated() bool { return k.Successor != "" }

// InGrace reports whether the key was rotated and is still let in at now, as
// far as its rotation is concerned.
func (k *Key) InGrace(now time.Time) bool {
	return k.Rotated() && now.Before(k.GraceEndsAt)
}

// KeyFilter narrows a list of keys; empty fields do not narrow.
type KeyFilter struct {
	Namespaces []string // any of; empty: all
	Owner      string
	Plan       string
	KeyType    KeyType
	Status     Status
	Statuses   []Status // any of; empty: all but purged, or Status
	NamePrefix string
	// NameContains: keys whose name holds this, ASCII letters in either case.
	NameContains string
	Scope        string    // keys that hold this scope
	Label        [2]string // keys that carry this label and value
	ExpiresBy    time.Time // keys whose life ends before this
	ExpiredAt    time.Time // keys whose life has ended at this instant
	// UnusedSince: keys that were made before this and not used since.
	UnusedSince time.Time
	// InGraceAt: keys that were rotated and whose grace lasts beyond this.
	InGraceAt time.Time
	// GraceEndedAt: keys that were rotated and whose grace has ended at this
	// instant.
	GraceEndedAt time.Time
	// StatusBefore: keys whose status was set before this.
	StatusBefore time.Time
	// UnexpiredAt: keys whose life has not ended at this instant.
	UnexpiredAt time.Time
	// RotationDueAt: keys without a successor that at this instant are to have
	// one, by themselves or by their policy, or within the time that their
	// policy warns ahead.
	RotationDueAt time.Time
	// Unannounced: keys of which this was not announced for what they are now.
	Unannounced Announcement
}

// Announcement is something about a key that is told once, when it comes.
type Announcement string

// The announcements.
const (
	AnnounceExpiry   Announcement = "expiry"   // its life has ended
	AnnounceRotation Announcement = "rotation" // it is to have a successor
	// AnnounceExpiring: its life ends soon. Of a key that was made for no longer
	// than [ExpiringAhead] that is no news.
	AnnounceExpiring Announcement = "expiring"
)

// ExpiringAhead is how long before its end a key is said to end soon.
const ExpiringAhead = 7 * 24 * time.Hour

// KeyReader reads keys for the control plane.
type KeyReader interface {
	// Key MUST answer ErrNotFound for an unknown id; a purged key is found.
	Key(ctx context.Context, keyID string) (Key, error)
	// Keys MUST answer pages ordered by key id, newest first, and MUST NOT
	// list purged keys unless the filter's status asks for them.
	Keys(ctx context.Context, filter KeyFilter, page Page) ([]Key, Cursor, error)
}

// KeyCounter counts keys.
type KeyCounter interface {
	// CountKeys MUST answer how many keys Keys would answer on all its pages.
	CountKeys(ctx context.Context, filter KeyFilter) (int, error)
}

// KeyHashReader finds out which keys are there already.
type KeyHashReader interface {
	// KeysByHash MUST answer each key that has one of the hashes, once, in any
	// order. At most MaxHashes are asked for at a time.
	KeysByHash(ctx context.Context, hashes []credential.Hash) ([]Key, error)
	// PurgedByHash MUST answer each purged key that had one of the hashes, once,
	// in any order, with the same bound. A text may have been that of several.
	PurgedByHash(ctx context.Context, hashes []credential.Hash) ([]PurgedKey, error)
}

// PurgedKey is what is left of a key to tell its text by: one that was taken
// back must not come back with the next import of an old list.
type PurgedKey struct {
	KeyID     string
	Namespace string
	Hash      credential.Hash
}

// MaxHashes bounds a question of [KeyHashReader]: a batch of keys, each under
// every pepper.
const MaxHashes = MaxPage * credential.MaxCandidates

// KeySecret names a checksum secret and a pepper that a key was made with;
// "" where it was made without one.
type KeySecret struct {
	ChecksumID string
	PepperID   string
}

// KeySecretReader tells which secrets are still needed.
type KeySecretReader interface {
	// KeySecrets MUST answer each pair that a key which is neither revoked nor
	// purged names, once, in any order.
	KeySecrets(ctx context.Context) ([]KeySecret, error)
}

// KeyWriter changes keys inside a transaction.
type KeyWriter interface {
	// InsertKey MUST answer ErrConflict when the id or the hash exists, and
	// ErrMissingReference when its namespace, plan or owner does not.
	InsertKey(ctx context.Context, k Key) error
	// InsertKeys MUST make all keys or none, and answer as InsertKey does when
	// one of them cannot be made. After an error the transaction is of no use.
	InsertKeys(ctx context.Context, keys []Key) error
	// UpdateKey MUST write only when the stored version is k.Version, answer
	// ErrStale otherwise, ErrNotFound when there is no such key,
	// ErrMissingReference as InsertKey does, and store k.Version+1. It MUST
	// NOT change KeyID, Namespace, Hash, PepperID, ChecksumID, CreatedAt,
	// LimitsID or Predecessor.
	UpdateKey(ctx context.Context, k Key) error
	// PurgeKey MUST erase everything but id, key id, namespace and times, set
	// the status purged, keep the row, and free the hash's uniqueness; only
	// PurgedByHash finds it by its hash from then on.
	PurgeKey(ctx context.Context, keyID string, version int64, at time.Time) error
	// AnnounceKey MUST note that something about the key was announced, for
	// that instant (the end of its life, when it is to have a successor), and
	// answer ErrConflict when it was announced for the same before. It MUST NOT
	// change the version.
	AnnounceKey(ctx context.Context, keyID string, what Announcement, of time.Time) error
}

// KeyRecord is what the data plane decides from: a key with the limits that
// it shares through its plan and its owner, read in one query.
type KeyRecord struct {
	Key
	PlanLimits  []limit.Limit
	PlanQuotas  []limit.Quota
	OwnerLimits []limit.Limit
	OwnerQuotas []limit.Quota
}

// KeyFinder finds keys for the data plane.
type KeyFinder interface {
	// FindKey MUST answer the key that has one of the hashes, with the limits
	// of its plan and owner, in at most one indexed query, and ErrNotFound
	// when there is none. It MUST answer revoked and disabled keys too: the
	// reason is the caller's to give. Purged keys are not found.
	FindKey(ctx context.Context, hashes []credential.Hash) (KeyRecord, error)
}

// UsedKeyReader reads the keys that are most likely to be asked for, to warm a
// cache with.
type UsedKeyReader interface {
	// UsedKeys MUST hand at most that many active keys, each once, to each: the
	// one used last first, then those that were never used, newest first. It
	// MUST NOT hold all of them in memory, and MUST stop with each's error.
	UsedKeys(ctx context.Context, most int, each func(KeyRecord) error) error
}
