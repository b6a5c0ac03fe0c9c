package client

import "time"

// Key is one API key record.
type Key struct {
	KeyID        string            `json:"key_id" doc:"Public id of the key"`
	Namespace    string            `json:"namespace" doc:"Tenant boundary the key lives in"`
	Name         string            `json:"name" doc:"Name for people"`
	Owner        string            `json:"owner" doc:"Team, user or service the key belongs to; empty for none"`
	KeyType      string            `json:"key_type" doc:"user, service, integration, system or emergency"`
	Status       string            `json:"status" doc:"active, disabled, suspended, revoked or purged"`
	StatusReason string            `json:"status_reason" doc:"Why the key was disabled, suspended or revoked"`
	StatusAt     time.Time         `json:"status_at,omitzero" doc:"When the status was last set"`
	Expired      bool              `json:"expired" doc:"Whether the key's life had ended when this was answered"`
	Environment  string            `json:"environment" doc:"Word in the key text, e.g. live or test"`
	Plan         string            `json:"plan" doc:"Plan whose limits the key shares; empty for none"`
	Scopes       []string          `json:"scopes" doc:"Permission words"`
	Limits       []Limit           `json:"limits" doc:"Rates of this key alone"`
	Quotas       []Quota           `json:"quotas" doc:"Calendar budgets of this key alone"`
	Networks     []string          `json:"networks" doc:"Client networks allowed, in CIDR notation; empty for all"`
	Hosts        []string          `json:"hosts" doc:"Hosts allowed; empty for all"`
	Methods      []string          `json:"methods" doc:"HTTP methods allowed; empty for all"`
	Paths        []string          `json:"paths" doc:"Paths allowed, /a/b or /a/*; empty for all"`
	Labels       map[string]string `json:"labels" doc:"Words for people and filters"`
	NotBefore    time.Time         `json:"not_before,omitzero" doc:"The key is refused before this instant"`
	ExpiresAt    time.Time         `json:"expires_at,omitzero" doc:"The key is refused from this instant on; absent for never"`
	RotateEvery  string            `json:"rotate_every,omitempty" doc:"How long after it was made the key is to have a successor, as a Go duration; absent: as its policy says"`
	RotationDue  time.Time         `json:"rotation_due,omitzero" doc:"When it is to have a successor, by itself or by its policy; said where keys are shown and listed"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
	Predecessor  string            `json:"predecessor,omitempty" doc:"Key that this one took over from"`
	Successor    string            `json:"successor,omitempty" doc:"Key that takes over from this one"`
	RotatedAt    time.Time         `json:"rotated_at,omitzero" doc:"When the successor was made"`
	GraceEndsAt  time.Time         `json:"grace_ends_at,omitzero" doc:"The key was rotated and is refused from this instant on"`
	Throttle     int               `json:"throttle,omitempty" doc:"Percent of its rates and its plan's that it is held to since an anomaly; absent for all of them"`
	LastUsedAt   time.Time         `json:"last_used_at,omitzero" doc:"When a request with the key was last let through, to a minute; absent for never"`
	LastUsedIP   string            `json:"last_used_ip,omitempty" doc:"The client address of that request, where it was known"`
	Version      int64             `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the key.
func (k Key) ETag() string { return ETag(k.Version) }

// KeyCreate asks for a new key.
type KeyCreate struct {
	Name        string            `json:"name" minLength:"1" maxLength:"128" doc:"Name for people"`
	Namespace   string            `json:"namespace,omitempty" maxLength:"63" doc:"Namespace to make it in; default if unsaid"`
	Owner       string            `json:"owner,omitempty" maxLength:"128" doc:"Name of an owner in the namespace"`
	KeyType     string            `json:"key_type,omitempty" enum:"user,service,integration,system,emergency" doc:"What kind of caller it is for; service if unsaid"`
	Plan        string            `json:"plan,omitempty" maxLength:"128" doc:"Name of a plan in the namespace"`
	Scopes      []string          `json:"scopes,omitempty" maxItems:"64" doc:"Permission words, e.g. orders:read; each at most 128 characters"`
	Limits      []Limit           `json:"limits,omitempty" maxItems:"8" doc:"Rates of this key alone"`
	Quotas      []Quota           `json:"quotas,omitempty" maxItems:"4" doc:"Calendar budgets of this key alone"`
	ExpiresAt   time.Time         `json:"expires_at,omitzero" doc:"End of its life; not together with expires_in"`
	ExpiresIn   string            `json:"expires_in,omitempty" doc:"Length of its life from now, e.g. 720h; not together with expires_at"`
	RotateEvery string            `json:"rotate_every,omitempty" doc:"How long after it was made it is to have a successor, e.g. 2160h; as its policy says if unsaid"`
	Reason      string            `json:"reason,omitempty" maxLength:"256" doc:"Why it is made; some key types demand it"`
	NotBefore   time.Time         `json:"not_before,omitzero" doc:"Refuse it before this instant"`
	Networks    []string          `json:"networks,omitempty" maxItems:"64" doc:"Client networks allowed, in CIDR notation"`
	Hosts       []string          `json:"hosts,omitempty" maxItems:"64" doc:"Hosts allowed, exact or *.example.com; each at most 253 characters"`
	Methods     []string          `json:"methods,omitempty" maxItems:"32" doc:"HTTP methods allowed; each at most 32 characters"`
	Paths       []string          `json:"paths,omitempty" maxItems:"64" doc:"Paths allowed, /a/b or /a/*; each at most 512 characters"`
	Environment string            `json:"environment,omitempty" maxLength:"16" doc:"Word in the key text; the namespace's if unsaid"`
	Labels      map[string]string `json:"labels,omitempty" maxProperties:"32" doc:"Words for people and filters; names at most 63, values at most 256 characters"`
}

// KeyCreated is a new key and, this once, its text.
type KeyCreated struct {
	Key     Key     `json:"key"`
	KeyText KeyText `json:"key_text,omitempty" doc:"The secret; shown this once and never stored"`
	Code    string  `json:"code,omitempty" doc:"key_text_not_repeatable when this repeats an earlier answer to the same Idempotency-Key: the text is not shown again"`
}

// ETag is what If-Match wants for the new key.
func (k KeyCreated) ETag() string { return k.Key.ETag() }

// KeyUpdate is a JSON merge patch (RFC 7396) of a key: fields that are not
// set stay, null clears. Of labels, single ones can be set and cleared.
// Namespace, key type and environment of a key never change.
type KeyUpdate struct {
	Name        Patch[string]             `json:"name,omitzero" minLength:"1" maxLength:"128" doc:"Name for people"`
	Owner       Patch[string]             `json:"owner,omitzero" maxLength:"128" doc:"Name of an owner in the namespace"`
	Plan        Patch[string]             `json:"plan,omitzero" maxLength:"128" doc:"Name of a plan in the namespace"`
	Scopes      Patch[[]string]           `json:"scopes,omitzero" maxItems:"64" doc:"All permission words; each at most 128 characters"`
	Limits      Patch[[]Limit]            `json:"limits,omitzero" maxItems:"8" doc:"All rates of this key alone"`
	Quotas      Patch[[]Quota]            `json:"quotas,omitzero" maxItems:"4" doc:"All calendar budgets of this key alone"`
	ExpiresAt   Patch[time.Time]          `json:"expires_at,omitzero" doc:"End of its life; null for never"`
	ExpiresIn   Patch[string]             `json:"expires_in,omitzero" doc:"Length of its life from now, e.g. 720h; not together with expires_at"`
	NotBefore   Patch[time.Time]          `json:"not_before,omitzero" doc:"Refuse it before this instant"`
	RotateEvery Patch[string]             `json:"rotate_every,omitzero" doc:"How long after it was made it is to have a successor; null for what its policy says"`
	Networks    Patch[[]string]           `json:"networks,omitzero" maxItems:"64" doc:"All client networks allowed"`
	Hosts       Patch[[]string]           `json:"hosts,omitzero" maxItems:"64" doc:"All hosts allowed; each at most 253 characters"`
	Methods     Patch[[]string]           `json:"methods,omitzero" maxItems:"32" doc:"All HTTP methods allowed; each at most 32 characters"`
	Paths       Patch[[]string]           `json:"paths,omitzero" maxItems:"64" doc:"All paths allowed; each at most 512 characters"`
	Labels      Patch[map[string]*string] `json:"labels,omitzero" maxProperties:"32" doc:"Labels to set; null clears one; names at most 63, values at most 256 characters"`
}

// Reason says why something was done; it is kept in the audit log and, where
// a key's status is concerned, shown with the key.
type Reason struct {
	Reason string `json:"reason,omitempty" maxLength:"256" doc:"Why, for the audit log"`
}

// KeyCreateInput is the request of KeyCreate.
type KeyCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           KeyCreate
}

// KeyFilter narrows to some keys; empty fields do not narrow.
type KeyFilter struct {
	Namespace     string    `query:"namespace" json:"namespace,omitempty" doc:"Only keys of this namespace"`
	Owner         string    `query:"owner" json:"owner,omitempty" doc:"Only keys of this owner"`
	Plan          string    `query:"plan" json:"plan,omitempty" doc:"Only keys on this plan"`
	KeyType       string    `query:"key_type" json:"key_type,omitempty" enum:"user,service,integration,system,emergency" doc:"Only keys of this type"`
	Status        string    `query:"status" json:"status,omitempty" enum:"active,disabled,suspended,revoked,purged,expired" doc:"Only keys of this status; expired: those whose life has ended"`
	NamePrefix    string    `query:"name_prefix" json:"name_prefix,omitempty" doc:"Only keys whose name begins so"`
	Name          string    `query:"name" json:"name,omitempty" doc:"Only keys whose name holds this text, ASCII letters in either case"`
	Rotating      bool      `query:"rotating" json:"rotating,omitempty" doc:"Only keys that were rotated and whose grace lasts"`
	Scope         string    `query:"scope" json:"scope,omitempty" doc:"Only keys that hold this scope"`
	Label         string    `query:"label" json:"label,omitempty" doc:"Only keys that carry this label, written name=value"`
	ExpiresBefore time.Time `query:"expires_before" json:"expires_before,omitzero" doc:"Only keys whose life ends before this instant (RFC 3339)"`
	UnusedSince   time.Time `query:"unused_since" json:"unused_since,omitzero" doc:"Only keys that were made before this instant and not used since (RFC 3339)"`
}

// KeyListInput is the request of KeyList.
type KeyListInput struct {
	KeyFilter
	PageInput
}

// KeyShowInput is the request of KeyShow.
type KeyShowInput struct {
	KeyID string `path:"key_id" doc:"Public id of the key"`
}

// KeyUpdateInput is the request of KeyUpdate.
type KeyUpdateInput struct {
	KeyID   string `path:"key_id" doc:"Public id of the key"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body    KeyUpdate
	WaitInput
}

// KeyPurgeInput is the request of KeyPurge.
type KeyPurgeInput struct {
	KeyID   string `path:"key_id" doc:"Public id of the key"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
}

// KeyStatusInput is the request of KeyRevoke, KeyDisable, KeyEnable and
// KeySuspend.
type KeyStatusInput struct {
	KeyID   string  `path:"key_id" doc:"Public id of the key"`
	IfMatch string  `header:"If-Match" doc:"ETag of the state this change is meant for; whatever it is now if unsaid"`
	Body    *Reason `doc:"Why; may be left out"`
	WaitInput
}
