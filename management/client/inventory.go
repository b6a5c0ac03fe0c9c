package client

import "time"

// InventoryItem is what credentials of all systems have in common.
type InventoryItem struct {
	System     string    `json:"system" enum:"credence,gitea,n8n" doc:"Whose credential it is: credence for our own keys"`
	ID         string    `json:"id" doc:"Names it here"`
	Name       string    `json:"name" doc:"Of a key; of a token its name on the server, of a key of n8n its label"`
	Namespace  string    `json:"namespace" doc:"Its own, or that of its connection; empty for none"`
	Connection string    `json:"connection,omitempty" doc:"Name of its connection; absent for our own keys"`
	Login      string    `json:"login,omitempty" doc:"The account there that it belongs to; absent for our own keys"`
	Owner      string    `json:"owner,omitempty" doc:"Who answers for it"`
	Scopes     []string  `json:"scopes" nullable:"false" doc:"What it may do"`
	State      string    `json:"state" doc:"As the system's own list says it: active, disabled, suspended, revoked; making, widened, missing, stranger, rotating, deleting"`
	Expired    bool      `json:"expired" doc:"Whether its life has ended"`
	CreatedAt  time.Time `json:"created_at" doc:"When it was made, or seen first"`
	AgeDays    int       `json:"age_days" doc:"Whole days since then"`
	LastUsedAt time.Time `json:"last_used_at,omitzero" doc:"Absent for never, or where the system does not say"`
	VerifiedAt time.Time `json:"verified_at,omitzero" doc:"When it was tried out last; our own keys are with every use"`
	Outcome    string    `json:"outcome,omitempty" doc:"What came of that: valid, valid_limited, invalid or blocked"`
	ExpiresAt  time.Time `json:"expires_at,omitzero" doc:"When its life ends; absent for never"`
}

// InventoryListInput is the request of InventoryList.
type InventoryListInput struct {
	System          string    `query:"system" enum:"credence,gitea,n8n" doc:"Only credentials of this system"`
	Namespace       string    `query:"namespace" doc:"Only those of this namespace"`
	Owner           string    `query:"owner" doc:"Only those that this owner answers for"`
	State           string    `query:"state" doc:"Only those in this state, or expired"`
	ExpiresBefore   time.Time `query:"expires_before" doc:"Only those whose life ends before this instant (RFC 3339)"`
	UnverifiedSince time.Time `query:"unverified_since" doc:"Only those of other systems that were made before this instant and not verified since (RFC 3339)"`
	PageInput
}
