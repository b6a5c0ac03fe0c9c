package store

import (
	"context"
	"time"

	"credence/store/sketch"
)

// UsageStep is how long the times are that usage is summed by.
type UsageStep string

// The steps. Each is kept for its own time.
const (
	UsageByMinute UsageStep = "minute"
	UsageByHour   UsageStep = "hour"
	UsageByDay    UsageStep = "day"
)

// UsageSteps lists the steps, the shortest first.
func UsageSteps() []UsageStep { return []UsageStep{UsageByMinute, UsageByHour, UsageByDay} }

// UsageGroup is what usage is told apart by.
type UsageGroup string

// The groups.
const (
	UsageOfAll       UsageGroup = ""
	UsageOfKey       UsageGroup = "key"
	UsageOfOwner     UsageGroup = "owner"
	UsageOfPlan      UsageGroup = "plan"
	UsageOfNamespace UsageGroup = "namespace"
	UsageOfRoute     UsageGroup = "route"
	UsageOfReason    UsageGroup = "reason"
	// UsageOfAgent groups by families of user agents. They are summed by key
	// and hour alone: Policy, Reason and Denied do not narrow them, the shortest
	// step is an hour, and there are no addresses.
	UsageOfAgent UsageGroup = "agent"
)

// UsageGroups lists the groups.
func UsageGroups() []UsageGroup {
	return []UsageGroup{UsageOfKey, UsageOfOwner, UsageOfPlan, UsageOfNamespace, UsageOfRoute, UsageOfReason, UsageOfAgent}
}

// UsageMeasure is what the largest groups are looked for by.
type UsageMeasure string

// The measures.
const (
	UsageRequests UsageMeasure = "requests"
	UsageDenials  UsageMeasure = "denials"
	UsageLatency  UsageMeasure = "latency" // of all Checks together
)

// UsageMeasures lists the measures.
func UsageMeasures() []UsageMeasure { return []UsageMeasure{UsageRequests, UsageDenials, UsageLatency} }

// UsageQuery narrows and groups usage; empty fields do not narrow.
type UsageQuery struct {
	From, Until time.Time // the times that begin in [From, Until)
	Step        UsageStep // which sums are read, and, with Series, how long one is
	Series      bool      // one row for each time; one for all without
	Group       UsageGroup
	// Top is by what the largest groups come first; only without Series.
	Top UsageMeasure

	Namespaces []string // any of
	KeyID      string
	Owner      string
	Plan       string
	Policy     string
	Reason     string
	Denied     bool // only refusals
	Limit      int
}

// UsageSum is how often, in one time and one group.
type UsageSum struct {
	Start     time.Time // of the time; that of the whole without Series
	Group     string    // key id, owner, ...; "" without one
	Namespace string    // of an owner or a plan; else ""
	Checks    int64
	Denied    int64 // of them refused; what a route only watched is none
	Latency   time.Duration
	Addresses sketch.Sketch // the different client addresses
}

// UsageAnswerer sums usage for people.
type UsageAnswerer interface {
	// UsageSums MUST answer at most Limit sums: by time and group with Series,
	// and the largest first, then by group, without. What has not been rolled
	// up yet MUST be in them. Shadow refusals and both allowed reasons are no
	// denials.
	UsageSums(ctx context.Context, q UsageQuery) ([]UsageSum, error)
	// FailingSums MUST answer at most limit addresses that were refused in
	// [from, until), for the reason or for any, the heaviest first; Minute is
	// the first one, and Reason is "" where there was more than one.
	FailingSums(ctx context.Context, reason string, from, until time.Time, limit int) ([]FailingAddress, error)
	// KeyNetworks MUST answer at most limit networks of the key, or of all keys
	// without one, that were first seen in [from, until), by that and the key.
	KeyNetworks(ctx context.Context, keyID string, from, until time.Time, limit int) ([]KeyNetwork, error)
	// DeniedMinutes MUST answer at most limit rows of keys in [from, until) that
	// are no allowed ones, by minute, key, reason and route policy.
	DeniedMinutes(ctx context.Context, from, until time.Time, limit int) ([]UsageMinute, error)
	// QuotaUses MUST answer what is used of windows that hold the instant, by
	// subject and name, at most limit after the subject and name given.
	QuotaUses(ctx context.Context, at time.Time, subject, name string, limit int) ([]QuotaUse, error)
}

// QuotaUse is how much of a window is reserved.
type QuotaUse struct {
	QuotaWindow

	Used int64
}
