package store

import (
	"context"
	"net/netip"
	"time"

	"credence/store/sketch"
)

// UsageOther stands in place of a key id for the keys that a replica had no
// room to count one by one.
const UsageOther = "other"

// UsageBatch is what one replica has counted since its batch before. Each
// carries its number, so that it can be delivered any number of times.
type UsageBatch struct {
	Replica  string           `json:"replica"`
	Sequence int64            `json:"sequence"` // from 1, one after another
	Started  time.Time        `json:"started"`  // when the replica began to count
	At       time.Time        `json:"at"`       // everything up to then is in this batch or an earlier one, or still to come
	Final    bool             `json:"final,omitzero"`
	Keys     []KeyUsage       `json:"keys,omitzero"`
	Used     []KeyLastUse     `json:"used,omitzero"`
	Failing  []FailingAddress `json:"failing,omitzero"`
	// Agents are told once a minute, so those of the last one may still come.
	Agents []AgentUsage `json:"agents,omitzero"`
}

// KeyUsage is how often one key met one outcome in one minute.
type KeyUsage struct {
	Minute time.Time `json:"minute"` // its start in UTC, by the replica's clock
	// Minutes is how many minutes from there on it covers: more than 1 when a
	// replica that could not deliver had to fold older ones together.
	Minutes   int           `json:"minutes"`
	KeyID     string        `json:"key_id"` // "" for Checks that no key was found for; UsageOther
	Reason    string        `json:"reason"` // of the decision; "shadow_" before it where the route only watched
	Policy    string        `json:"policy"` // stored route policy that held; "" without one
	Checks    int64         `json:"checks"`
	Latency   time.Duration `json:"latency"`   // of all these Checks together
	Addresses sketch.Sketch `json:"addresses"` // the different client addresses
}

// KeyLastUse is when, and from where, a key was last let through.
type KeyLastUse struct {
	KeyID   string     `json:"key_id"`
	At      time.Time  `json:"at"`
	Address netip.Addr `json:"address"` // invalid when nobody could tell
	// Networks are those it was let through from within the minute before At, at
	// most 16, each as [KeyNetworkOf] answers it. A batch may tell of a key more
	// than once: networks of other times, with those.
	Networks []netip.Addr `json:"networks,omitzero"`
}

// KeyNetworkOf is the network that an address stands for when it is asked
// where a key is used from: the first address of its /24, of IPv6 its /48.
func KeyNetworkOf(a netip.Addr) netip.Addr {
	bits := 24
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil { // no address
		return netip.Addr{}
	}
	return p.Addr()
}

// MaxKeyNetworks is how many networks are known of one key; more are not kept.
const MaxKeyNetworks = 256

// KeyNetwork is a network that a key was let through from.
type KeyNetwork struct {
	KeyID   string
	Network netip.Addr
	FirstAt time.Time
	LastAt  time.Time // to an hour; after FirstAt once it was seen a second time
}

// FailingAddress is one of the addresses that were refused most, for one
// reason in one minute. Between Checks and Checks + Uncertain is the truth, as
// far as the address was among the heaviest at all.
type FailingAddress struct {
	Minute    time.Time  `json:"minute"`
	Reason    string     `json:"reason"`
	Address   netip.Addr `json:"address"` // of IPv6 the first of its /64
	Checks    int64      `json:"checks"`
	Uncertain int64      `json:"uncertain"`
}

// AgentUsage is how often one family of user agents came with one key in one
// hour.
type AgentUsage struct {
	Hour    time.Time     `json:"hour"`   // its start in UTC, by the replica's clock
	KeyID   string        `json:"key_id"` // as in KeyUsage
	Agent   string        `json:"agent"`  // AgentNone, AgentOther, or the token that names a product
	Checks  int64         `json:"checks"`
	Denied  int64         `json:"denied"`  // of them refused
	Latency time.Duration `json:"latency"` // of all these Checks together
}

const (
	// AgentNone stands for Checks that came with no user agent.
	AgentNone = "none"
	// AgentOther stands for user agents that begin with no token, or with one
	// that is longer than MaxAgent, and for those that there was no room for.
	AgentOther = "other"
	// MaxAgent bounds the name of a family, in bytes.
	MaxAgent = 32
)

// UsageMinute is a KeyUsage of all replicas together, with what the key
// belonged to when the first of it was stored.
type UsageMinute struct {
	KeyUsage

	Namespace string
	Owner     string
	Plan      string
}

// UsageGap is a time in which a replica counted Checks that never arrived.
type UsageGap struct {
	Replica string
	From    time.Time // what is older has arrived
	To      time.Time // what is younger has, too, or there was nothing more
	Cause   UsageGapCause
}

// UsageGapCause says how usage was lost.
type UsageGapCause string

// The causes of gaps.
const (
	// GapKilled: the replica ended without a sign-off, so that nobody knows
	// what it had counted last. Withdrawn when it turns out to live.
	GapKilled UsageGapCause = "killed"
	// GapLost: batches in the middle never came, those after them did.
	GapLost UsageGapCause = "lost"
)

// UsageSink takes what replicas count. It is no change: neither audited nor in
// the feed, and no part of a key's version.
type UsageSink interface {
	// AddUsage MUST add a batch of this process's replica exactly once: a
	// batch whose replica and sequence were added before changes nothing and
	// is no error. Batches MUST be taken in any order. What is added for the
	// same minute, key and reason (minute, reason and address; hour, key and
	// agent) MUST be summed, and sketches merged. It MUST set when and from where keys were last used
	// (to a minute, never back, not of a purged key) without touching their
	// version. All of that MUST happen in one transaction. Another process's
	// replica is ErrConflict.
	AddUsage(ctx context.Context, b UsageBatch) error
}

// UsageIngest is the control plane's side.
type UsageIngest interface {
	// IngestUsage MUST do what AddUsage does, for any replica: the batch came
	// another way.
	IngestUsage(ctx context.Context, b UsageBatch) error
	// RecordUsageGaps MUST record a gap for each replica that was heard of
	// before the instant last, by its batches and by its reports, and has not
	// signed off, and for batches that are missing though later ones came
	// before the instant. It MUST record each once, and answer how many are
	// new. A replica that is heard of again loses the gap of its death.
	RecordUsageGaps(ctx context.Context, silentSince time.Time) (int, error)
	// RollUsage MUST sum the minutes before the instant into hours, and hours
	// that are over into days, each exactly once: batches that come later add
	// to the sums by themselves. It does a bounded part, in one transaction,
	// and MUST answer whether there is more.
	RollUsage(ctx context.Context, until time.Time) (more bool, err error)
	// RemoveUsage MUST delete at most RemoveBatch rows of each kind that are
	// about times before the instant, oldest first, and answer how many. What
	// is known of replicas stays until then after their end. Minutes that have
	// not been summed into hours MUST stay.
	RemoveUsage(ctx context.Context, before time.Time) (int, error)
	// RemoveUsageSums MUST do the same with hours, also those of user agents,
	// before hours, with days
	// before days, and with networks that a key was last used from before
	// days; hours that have not been summed into days MUST stay.
	RemoveUsageSums(ctx context.Context, hours, days time.Time) (int, error)
}

// UsageArrival is how much of what one replica counts has arrived.
type UsageArrival struct {
	Replica string
	// Until is the instant, by the replica's clock, up to which everything has.
	Until time.Time
	// EndedAt is when it stopped counting; zero while it counts. What is
	// missing of one that ended is a gap.
	EndedAt time.Time
}

// UsageReader reads usage as it was counted.
type UsageReader interface {
	// UsageArrivals MUST answer all replicas that have delivered anything,
	// by id, those that ended included until RemoveUsage forgets them.
	UsageArrivals(ctx context.Context) ([]UsageArrival, error)
	// UsageMinutes MUST answer at most limit rows of the key ("", UsageOther)
	// whose minute is in [from, until), by minute and reason.
	UsageMinutes(ctx context.Context, keyID string, from, until time.Time, limit int) ([]UsageMinute, error)
	// FailingAddresses MUST answer at most limit rows in [from, until), by
	// minute and reason, the heaviest first.
	FailingAddresses(ctx context.Context, from, until time.Time, limit int) ([]FailingAddress, error)
	// UsageGaps MUST answer at most limit gaps that reach into [from, until),
	// by their beginning and replica.
	UsageGaps(ctx context.Context, from, until time.Time, limit int) ([]UsageGap, error)
}
