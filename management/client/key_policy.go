package client

import "time"

// KeyPolicy is what keys of one type are held to when they are made, changed
// and rotated.
type KeyPolicy struct {
	KeyType        string    `json:"key_type" doc:"user, service, integration, system or emergency"`
	Namespace      string    `json:"namespace" doc:"Namespace that it is the own policy of; empty for the one of all"`
	LongestLife    string    `json:"longest_life,omitempty" doc:"How long a key lives at most; absent for no bound"`
	DefaultLife    string    `json:"default_life,omitempty" doc:"How long a key lives that names no end; absent for ever"`
	RotateEvery    string    `json:"rotate_every,omitempty" doc:"A key is to have a successor this long after it was made; absent for never"`
	WarnBefore     string    `json:"warn_before,omitempty" doc:"How long before that it is listed as due"`
	ExpiryRequired bool      `json:"expiry_required" doc:"A key without an end is refused"`
	ScopesRequired bool      `json:"scopes_required" doc:"A key without scopes is refused"`
	ReasonRequired bool      `json:"reason_required" doc:"A key that does not say why it is made is refused"`
	UpdatedAt      time.Time `json:"updated_at"`
	Version        int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the policy.
func (p KeyPolicy) ETag() string { return ETag(p.Version) }

// KeyPolicySet is a JSON merge patch of a key policy.
type KeyPolicySet struct {
	LongestLife    Patch[string] `json:"longest_life,omitzero" doc:"How long a key lives at most, e.g. 2160h; null for no bound"`
	DefaultLife    Patch[string] `json:"default_life,omitzero" doc:"How long a key lives that names no end; null for ever"`
	RotateEvery    Patch[string] `json:"rotate_every,omitzero" doc:"How long after it was made a key is to have a successor; null for never"`
	WarnBefore     Patch[string] `json:"warn_before,omitzero" doc:"How long before that it is listed as due"`
	ExpiryRequired Patch[bool]   `json:"expiry_required,omitzero" doc:"Refuse keys without an end"`
	ScopesRequired Patch[bool]   `json:"scopes_required,omitzero" doc:"Refuse keys without scopes"`
	ReasonRequired Patch[bool]   `json:"reason_required,omitzero" doc:"Refuse keys that do not say why they are made"`
}

// KeyPolicyListInput is the request of KeyPolicyList.
type KeyPolicyListInput struct {
	Namespace string `query:"namespace" doc:"What holds in this namespace; what holds in all if unsaid"`
}

// KeyPolicyShowInput is the request of KeyPolicyShow.
type KeyPolicyShowInput struct {
	KeyType   string `path:"key_type" doc:"user, service, integration, system or emergency"`
	Namespace string `query:"namespace" doc:"What holds in this namespace; what holds in all if unsaid"`
}

// KeyPolicySetInput is the request of KeyPolicySet.
type KeyPolicySetInput struct {
	KeyType   string `path:"key_type" doc:"user, service, integration, system or emergency"`
	Namespace string `query:"namespace" doc:"Namespace that gets its own policy; that of all is changed if unsaid"`
	IfMatch   string `header:"If-Match" doc:"ETag of the policy that holds there now"`
	Body      KeyPolicySet
}

// KeyPolicyResetInput is the request of KeyPolicyReset.
type KeyPolicyResetInput struct {
	KeyType   string `path:"key_type" doc:"user, service, integration, system or emergency"`
	Namespace string `query:"namespace" doc:"Namespace that is to keep to the policy of all again"`
	IfMatch   string `header:"If-Match" doc:"ETag of its own policy"`
}

// KeyBreach is a key that breaks the policy of its type, or is to be rotated.
type KeyBreach struct {
	KeyID     string       `json:"key_id"`
	Name      string       `json:"name"`
	Namespace string       `json:"namespace"`
	Owner     string       `json:"owner"`
	KeyType   string       `json:"key_type"`
	CreatedAt time.Time    `json:"created_at"`
	Breaches  []FieldError `json:"breaches" doc:"What it breaks, and what would mend it"`
	RotateBy  time.Time    `json:"rotate_by,omitzero" doc:"When it is to have a successor; absent where that is not near"`
}

// KeyPolicyCheckInput is the request of KeyPolicyCheck.
type KeyPolicyCheckInput struct {
	Namespace string `query:"namespace" doc:"Only keys of this namespace"`
	KeyType   string `query:"key_type" enum:"user,service,integration,system,emergency" doc:"Only keys of this type"`
	PageInput
}
