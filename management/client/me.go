package client

import "time"

// Me is who the caller is.
type Me struct {
	Actor      string   `json:"actor" doc:"As the audit log names it, e.g. token:tok_..."`
	Role       string   `json:"role" doc:"viewer, auditor, operator or admin"`
	Namespaces []string `json:"namespaces" doc:"Namespaces the token is limited to; empty for all"`
	// ExpiresAt is zero for a token without an end.
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When the token ends; absent for never"`
}

// MeInput is the request of Me.
type MeInput struct{}

// Health says that the process answers.
type Health struct {
	Status string `json:"status" doc:"ok"`
}

// HealthInput is the request of Healthz and Readyz.
type HealthInput struct{}
