package client

import "time"

// UsageInput is the request of Usage; empty fields do not narrow.
type UsageInput struct {
	By    string `query:"by" doc:"What times are summed by: minute, hour or day; what suits the length if unsaid"`
	Group string `query:"group" doc:"What is told apart: key, owner, plan, namespace, route, reason or agent (family of user agents, by hour or day, not together with route, reason or denied); nothing if unsaid"`
	UsageFilter
}

// UsageTopInput is the request of UsageTop.
type UsageTopInput struct {
	Of string `query:"of" doc:"What is compared: key, owner, plan, namespace, route, reason or agent; key if unsaid"`
	By string `query:"by" doc:"By what: requests, denials or latency; requests if unsaid"`
	UsageFilter
}

// UsageFilter narrows usage.
type UsageFilter struct {
	Since     time.Time `query:"since" doc:"Only times at or after this instant (RFC 3339); a day before until if unsaid"`
	Until     time.Time `query:"until" doc:"Only times before this instant (RFC 3339); now if unsaid"`
	Namespace string    `query:"namespace" doc:"Only keys of this namespace"`
	KeyID     string    `query:"key_id" doc:"Only this key"`
	Owner     string    `query:"owner" doc:"Only keys of this owner"`
	Plan      string    `query:"plan" doc:"Only keys on this plan"`
	Route     string    `query:"route" doc:"Only Checks on this route policy"`
	Reason    string    `query:"reason" doc:"Only Checks that ended so"`
	Denied    bool      `query:"denied" doc:"Only Checks that were refused"`
	Limit     int       `query:"limit" doc:"Rows at most, 1 to 10000"`
}

// Usage is sums of usage.
type Usage struct {
	Since time.Time  `json:"since" doc:"Beginning of the first time"`
	Until time.Time  `json:"until"`
	By    string     `json:"by" doc:"What was summed: minutes, hours or days"`
	Items []UsageSum `json:"items"`
	More  bool       `json:"more,omitempty" doc:"True when there are more rows than the limit"`
	Gaps  []UsageGap `json:"gaps,omitempty" doc:"Times in which a part of the usage was lost, at most 100"`
}

// UsageSum is how often, in one time and of one group.
type UsageSum struct {
	Start     time.Time `json:"start" doc:"Beginning of the time"`
	Group     string    `json:"group,omitempty" doc:"Key id, owner, plan, namespace, route policy, reason or family of user agents; empty for Checks without one"`
	Namespace string    `json:"namespace,omitempty" doc:"Of an owner or a plan"`
	Requests  int64     `json:"requests"`
	Denied    int64     `json:"denied" doc:"Of them refused; what a route only watched is not among them"`
	LatencyUS int64     `json:"latency_us" doc:"How long the Checks took together, in microseconds"`
	Addresses int64     `json:"addresses" doc:"About how many different client addresses; 0 for user agents, of which that is not known"`
}

// UsageGap is a time in which a replica counted what never arrived.
type UsageGap struct {
	Replica string    `json:"replica"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Cause   string    `json:"cause" doc:"killed or lost"`
}

// UsageAddressesInput is the request of UsageAddresses.
type UsageAddressesInput struct {
	Since  time.Time `query:"since" doc:"Only minutes at or after this instant (RFC 3339); a day before until if unsaid"`
	Until  time.Time `query:"until" doc:"Only minutes before this instant (RFC 3339); now if unsaid"`
	Reason string    `query:"reason" doc:"Only refusals for this reason"`
	Limit  int       `query:"limit" doc:"Rows at most, 1 to 500; 20 if unsaid"`
}

// FailingAddress is an address that was refused much.
type FailingAddress struct {
	Address   string    `json:"address" doc:"Of IPv6 the first of its /64"`
	Reason    string    `json:"reason,omitempty" doc:"Why; empty for several reasons"`
	Since     time.Time `json:"since" doc:"First minute of them"`
	Refused   int64     `json:"refused" doc:"At least so often"`
	Uncertain int64     `json:"uncertain" doc:"At most so much more often"`
}

// UsageQuotasInput is the request of UsageQuotas.
type UsageQuotasInput struct {
	Namespace string `query:"namespace" doc:"Only quotas of this namespace"`
	AtLeast   int    `query:"at_least" doc:"Only quotas of which so much is used, in percent; 80 if unsaid, -1 for all"`
	PageInput
}

// QuotaState is how much of a quota is used.
type QuotaState struct {
	Namespace string    `json:"namespace"`
	KeyID     string    `json:"key_id,omitempty" doc:"Key that it is counted for, with all keys it was rotated to"`
	Owner     string    `json:"owner,omitempty"`
	Name      string    `json:"name" doc:"Name of the quota"`
	Limit     int64     `json:"limit"`
	Used      int64     `json:"used" doc:"What is spent, and what replicas hold in reserve"`
	Percent   float64   `json:"percent"`
	Start     time.Time `json:"start" doc:"Beginning of the day or month"`
	End       time.Time `json:"end" doc:"When it refills"`
}
