package client

import "time"

// KeysRevoke asks to revoke the keys that a filter matches: with filter and
// reason for a dry run, then with what it answered as confirm, alone.
type KeysRevoke struct {
	Filter     KeyFilter `json:"filter,omitzero" doc:"Which keys, in the words of the list of keys"`
	Everything bool      `json:"everything,omitempty" doc:"Let a filter through that matches every key there is"`
	Reason     string    `json:"reason,omitempty" maxLength:"256" doc:"Why, for the audit log and those who look at the keys; needed in the dry run"`
	Confirm    string    `json:"confirm,omitempty" doc:"What the dry run answered; has it done, and is given alone"`
}

// KeysRevoked is what a dry run would revoke, or what was revoked.
type KeysRevoked struct {
	Matched int       `json:"matched" doc:"Dry run: how many keys would be revoked"`
	Sample  []Key     `json:"sample" doc:"Dry run: the newest of them, at most 20"`
	Confirm string    `json:"confirm,omitempty" doc:"Dry run: send this as confirm to have it done"`
	Until   time.Time `json:"until,omitzero" doc:"Dry run: how long that can be done"`

	Revoked int      `json:"revoked" doc:"How many keys this request has revoked, at most 500"`
	Skipped int      `json:"skipped" doc:"How many match and stay, because they were changed since the dry run"`
	Done    bool     `json:"done" doc:"Whether nothing is left to do; send the same request again until it is"`
	Receipt *Receipt `json:"receipt,omitempty" doc:"When the request waited for the replicas"`
}

// KeysRevokeInput is the request of KeysRevoke.
type KeysRevokeInput struct {
	Body KeysRevoke
	WaitInput
}
