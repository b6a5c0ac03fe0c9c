// Package report is what a report says, and how it looks: one model, that is
// kept as JSON, and four ways to show it. It reads nothing and decides nothing;
// package management fills the model.
//
// Whatever a report shows may have been written by a stranger (the name of a
// key, the reason of a rule), so every way of showing it escapes: HTML by
// html/template, under a policy that allows no script and loads nothing,
// Markdown by backslashes, CSV by quotes and a mark before what a spreadsheet
// would run.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is that of the model below. A newer one only adds.
const Version = 1

// Report is what is said of a stretch of time. All of its lists are bounded by
// who fills it.
type Report struct {
	Version   int       `json:"version"`
	ID        string    `json:"id"`
	Namespace string    `json:"namespace"` // "": all of them
	Span      string    `json:"span"`      // on_demand, daily, weekly, monthly
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
	MadeAt    time.Time `json:"made_at"`
	MadeBy    string    `json:"made_by"`

	Usage         Usage           `json:"usage"`
	Reasons       []Sum           `json:"reasons"`
	TopKeys       []Sum           `json:"top_keys"`
	TopDenied     []Sum           `json:"top_denied"`
	TopOwners     []Sum           `json:"top_owners"`
	TopRoutes     []Sum           `json:"top_routes"`
	TopNamespaces []Sum           `json:"top_namespaces"` // only of all namespaces
	Addresses     []Address       `json:"addresses"`      // likewise
	Keys          Keys            `json:"keys"`
	Expiring      List[KeyLine]   `json:"expiring"`
	Unused        List[KeyLine]   `json:"unused"`
	Breaches      List[KeyLine]   `json:"breaches"`
	RotationsDue  List[KeyLine]   `json:"rotations_due"`
	Outside       Outside         `json:"outside"`
	Quotas        Quotas          `json:"quotas"`
	Limited       []Sum           `json:"limited"` // keys that met a limit or an empty quota
	Anomalies     Anomalies       `json:"anomalies"`
	Blacklist     BlacklistChange `json:"blacklist"`
	Audit         Audit           `json:"audit"`
	// Withheld says that what only the audit log tells was left out.
	Withheld bool `json:"withheld,omitempty"`
}

// Withhold leaves out what only the audit log tells: who did what how often,
// and what changed of the blacklist, by whom. It is for readers who may not
// read that log; what is kept stays whole.
func (r *Report) Withhold() {
	r.Withheld, r.Audit, r.Blacklist = true, Audit{}, BlacklistChange{Rules: r.Blacklist.Rules}
}

// Usage is what was counted.
type Usage struct {
	Since     time.Time `json:"since"` // the whole times that hold the report's
	Until     time.Time `json:"until"`
	Step      string    `json:"step"` // minute, hour, day
	Total     Sum       `json:"total"`
	Before    Sum       `json:"before"` // the same length of time before
	Course    []Point   `json:"course"` // one for each step
	Gaps      int       `json:"gaps"`   // times in which some of it was lost
	GapsSince time.Time `json:"gaps_since,omitzero"`
}

// Sum is how often, of one group.
type Sum struct {
	ID        string        `json:"id,omitempty"`   // key id, reason, route policy, ...
	Name      string        `json:"name,omitempty"` // for people
	Namespace string        `json:"namespace,omitempty"`
	Owner     string        `json:"owner,omitempty"`
	Requests  int64         `json:"requests"`
	Denied    int64         `json:"denied"`
	Addresses int64         `json:"addresses"`
	Mean      time.Duration `json:"mean_ns"` // that a Check took
}

// Point is one step of the course.
type Point struct {
	Start    time.Time `json:"start"`
	Requests int64     `json:"requests"`
	Denied   int64     `json:"denied"`
}

// Address is one that was refused.
type Address struct {
	Address string `json:"address"`
	Reason  string `json:"reason"` // "" for more than one
	Refused int64  `json:"refused"`
}

// Keys is how many there are, now.
type Keys struct {
	Active    int `json:"active"` // and not expired
	Expired   int `json:"expired"`
	Disabled  int `json:"disabled"`
	Suspended int `json:"suspended"`
	Revoked   int `json:"revoked"` // and not purged
}

// List is the first of some, and how many there are.
type List[T any] struct {
	Items []T  `json:"items"`
	Total int  `json:"total"`
	More  bool `json:"more,omitempty"` // there may be more than Total: not all were looked at
}

// Quotas are those that are close to their end.
type Quotas struct {
	List[Quota]

	UsedUp int `json:"used_up"` // of all
}

// Anomalies are findings.
type Anomalies struct {
	List[Anomaly]

	Open   int `json:"open"`   // of all: not resolved
	Urgent int `json:"urgent"` // of those: of high or critical severity
}

// KeyLine is a key, and why it is mentioned.
type KeyLine struct {
	KeyID     string    `json:"key_id"`
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Owner     string    `json:"owner"`
	KeyType   string    `json:"key_type"`
	At        time.Time `json:"at,omitzero"` // end of its life, last use, day of rotation
	Note      string    `json:"note,omitempty"`
}

// Quota is one that is close to its end.
type Quota struct {
	Namespace string    `json:"namespace"`
	KeyID     string    `json:"key_id,omitempty"` // whose, or
	Owner     string    `json:"owner,omitempty"`
	Name      string    `json:"name"`
	Used      int64     `json:"used"`
	Limit     int64     `json:"limit"`
	RefillsAt time.Time `json:"refills_at"`
}

// Share is what is used of the quota, at most 1.
func (q *Quota) Share() float64 { return min(1, float64(q.Used)/float64(max(1, q.Limit))) }

// Anomaly is a finding, and what was done about it.
type Anomaly struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Severity string    `json:"severity"`
	State    string    `json:"state"`
	Subject  string    `json:"subject"`
	Message  string    `json:"message"`
	LastAt   time.Time `json:"last_at"`
	Done     string    `json:"done,omitempty"` // by the policy; by whom, and their note
}

// BlacklistChange is what changed of the blacklist.
type BlacklistChange struct {
	Rules   int        `json:"rules"` // in force, now
	Added   int64      `json:"added"`
	Removed int64      `json:"removed"` // by people, and at their end
	Changes []RuleLine `json:"changes"` // the newest
}

// RuleLine is one change of a rule.
type RuleLine struct {
	At      time.Time `json:"at"`
	Action  string    `json:"action"`
	Network string    `json:"network"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
}

// Audit is what was done, by action.
type Audit struct {
	Entries int64   `json:"entries"`
	Kinds   int     `json:"kinds"`   // of actions
	Actions []Count `json:"actions"` // those that were most frequent
}

// Count is how often.
type Count struct {
	Name  string `json:"name"`
	Times int64  `json:"times"`
}

// Encode is the report as it is kept.
func (r *Report) Encode() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return raw, nil
}

// errVersion: what was kept was made by a later version.
var errVersion = errors.New("it was made by a newer version of Credence; show it with that one")

// Decode reads what Encode made, by this version or an earlier one.
func Decode(raw []byte) (*Report, error) {
	r := &Report{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if r.Version < 1 || r.Version > Version {
		return nil, fmt.Errorf("report: version %d: %w", r.Version, errVersion)
	}
	return r, nil
}
