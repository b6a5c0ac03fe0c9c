package client

import "time"

// BlacklistRule refuses the clients of one network before anything else.
type BlacklistRule struct {
	ID        string    `json:"id" doc:"Its id"`
	Namespace string    `json:"namespace" doc:"Where it refuses; empty for everywhere"`
	Network   string    `json:"network" doc:"Network in CIDR notation"`
	Reason    string    `json:"reason" doc:"Why"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"When it ends by itself; absent: stays until removed"`
	CreatedBy string    `json:"created_by" doc:"Who added it"`
	CreatedAt time.Time `json:"created_at"`
}

// BlacklistAdd asks for a new rule.
type BlacklistAdd struct {
	Network   string    `json:"network" doc:"Address or network in CIDR notation, IPv4 or IPv6"`
	Namespace string    `json:"namespace,omitempty" doc:"Where it refuses; everywhere if unsaid"`
	Reason    string    `json:"reason" doc:"Why, for people and the audit log"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"When it ends by itself; not together with for"`
	For       string    `json:"for,omitempty" doc:"How long it stays, e.g. 1h; not together with ends_at"`
	Force     bool      `json:"force,omitempty" doc:"Let very wide networks through"`
}

// BlacklistAddInput is the request of BlacklistAdd.
type BlacklistAddInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           BlacklistAdd
	WaitInput
}

// BlacklistListInput is the request of BlacklistList.
type BlacklistListInput struct {
	Namespace string `query:"namespace" doc:"Only rules of this namespace"`
	Global    bool   `query:"global" doc:"Only rules that refuse everywhere; not together with namespace"`
	PageInput
}

// BlacklistShowInput is the request of BlacklistShow.
type BlacklistShowInput struct {
	ID string `path:"id" doc:"Id of the rule"`
}

// BlacklistRemoveInput is the request of BlacklistRemove. A rule never
// changes, so there is no ETag to match.
type BlacklistRemoveInput struct {
	ID string `path:"id" doc:"Id of the rule"`
	WaitInput
}
