package event

import (
	"encoding/json"
	"time"
)

// Envelope is what a receiver gets: the body of the request.
type Envelope struct {
	ID        string          `json:"id" doc:"Names the event; the same in every delivery of it, and in the header webhook-id"`
	Type      Type            `json:"type" doc:"What happened"`
	Version   int             `json:"version" doc:"Of the schema of data"`
	Timestamp time.Time       `json:"timestamp" doc:"When it happened"`
	Namespace string          `json:"namespace" doc:"Where it happened; empty for what belongs to no namespace"`
	Sequence  int64           `json:"sequence" doc:"Counts what this webhook is told, from 1 and without gaps; deliveries may arrive in another order"`
	Data      json.RawMessage `json:"data" doc:"What happened, as the type says"`
}

// Key is a key as events show it.
type Key struct {
	KeyID       string            `json:"key_id" doc:"Names the key"`
	Namespace   string            `json:"namespace" doc:"Where it lives"`
	Name        string            `json:"name" doc:"For people"`
	Owner       string            `json:"owner,omitempty" doc:"Who it belongs to"`
	KeyType     string            `json:"key_type" doc:"user, service, integration, system or emergency"`
	Status      string            `json:"status" doc:"active, disabled, suspended or revoked, after what happened"`
	Environment string            `json:"environment" doc:"live, test or another"`
	Plan        string            `json:"plan,omitempty" doc:"Whose limits it shares"`
	Scopes      []string          `json:"scopes,omitempty" doc:"What it may do"`
	Labels      map[string]string `json:"labels,omitempty" doc:"What was noted on it"`
	CreatedAt   time.Time         `json:"created_at" doc:"When it was made"`
	ExpiresAt   time.Time         `json:"expires_at,omitzero" doc:"When its life ends; absent for never"`
}

// KeyChange is the data of most key events.
type KeyChange struct {
	Key    Key    `json:"key" doc:"The key, after what happened"`
	Actor  string `json:"actor" doc:"Who did it, as the audit log names actors"`
	Reason string `json:"reason,omitempty" doc:"Why, in the words of who did it"`
}

// KeyUpdate is the data of [KeyUpdated].
type KeyUpdate struct {
	Key     Key      `json:"key" doc:"The key, after what happened"`
	Changed []string `json:"changed" doc:"Names of the fields that differ"`
	Actor   string   `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// KeyRotation is the data of [KeyRotated].
type KeyRotation struct {
	Key         Key       `json:"key" doc:"The key that another takes over from"`
	Successor   string    `json:"successor" doc:"key_id of the one that takes over"`
	GraceEndsAt time.Time `json:"grace_ends_at" doc:"Until when the old one is let in at the latest"`
	Actor       string    `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// KeyErased is the data of [KeyPurged].
type KeyErased struct {
	KeyID     string `json:"key_id" doc:"Names the key"`
	Namespace string `json:"namespace" doc:"Where it lived"`
	Actor     string `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// LimitMet is the data of [LimitExceeded].
type LimitMet struct {
	KeyID     string    `json:"key_id" doc:"Names the key"`
	Namespace string    `json:"namespace" doc:"Where it lives"`
	Owner     string    `json:"owner,omitempty" doc:"Who it belongs to"`
	Phase     string    `json:"phase" doc:"first: it has begun; summary: the hour is over"`
	Since     time.Time `json:"since" doc:"Beginning of the hour"`
	Until     time.Time `json:"until" doc:"End of the hour"`
	Refused   int64     `json:"refused" doc:"How many requests the limits refused in this hour, as far as is known"`
}

// QuotaUse is the data of [QuotaNear] and [QuotaExhausted].
type QuotaUse struct {
	KeyID     string    `json:"key_id,omitempty" doc:"Whose quota it is; of a key that was rotated the first one; absent when it is the owner's"`
	Namespace string    `json:"namespace" doc:"Where the key or the owner lives"`
	Owner     string    `json:"owner,omitempty" doc:"Who the key belongs to, or whose quota it is"`
	Quota     string    `json:"quota" doc:"Name of the quota"`
	Used      int64     `json:"used" doc:"What is given out of it"`
	Limit     int64     `json:"limit" doc:"All of it"`
	RefillsAt time.Time `json:"refills_at" doc:"When its day or month ends"`
}

// PlanChange is the data of [PlanChanged].
type PlanChange struct {
	Plan      string   `json:"plan" doc:"Name of the plan"`
	Namespace string   `json:"namespace" doc:"Where it lives"`
	Action    string   `json:"action" doc:"created, updated or deleted"`
	Limits    []string `json:"limits,omitempty" doc:"Its limits, as the command line writes them; absent when it was deleted"`
	Quotas    []string `json:"quotas,omitempty" doc:"Its quotas, likewise"`
	Actor     string   `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// BlacklistChange is the data of [BlacklistChanged].
type BlacklistChange struct {
	RuleID    string    `json:"rule_id" doc:"Names the rule"`
	Namespace string    `json:"namespace" doc:"Whose keys it guards; empty for all"`
	Action    string    `json:"action" doc:"added, removed, or expired when its time was over"`
	Network   string    `json:"network" doc:"The network in CIDR notation"`
	Reason    string    `json:"reason" doc:"Why it was added"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"When it ends by itself; absent for never"`
	Actor     string    `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// Anomaly is a finding as events show it.
type Anomaly struct {
	AnomalyID string    `json:"anomaly_id" doc:"Names the finding"`
	Type      string    `json:"anomaly_type" doc:"What was found, e.g. brute_force"`
	Severity  string    `json:"severity" doc:"low, medium, high or critical"`
	State     string    `json:"state" doc:"open or resolved"`
	Namespace string    `json:"namespace" doc:"Of the key; empty for what has none"`
	KeyID     string    `json:"key_id,omitempty" doc:"Of the key that it is about; absent when it is about none"`
	Subject   string    `json:"subject" doc:"key:, address: or network: and what it is about"`
	Message   string    `json:"message" doc:"What was seen, in a sentence"`
	Observed  float64   `json:"observed" doc:"The number that was seen"`
	Expected  float64   `json:"expected" doc:"What is usual, or allowed at most"`
	FirstAt   time.Time `json:"first_at" doc:"When it was seen first"`
	LastAt    time.Time `json:"last_at" doc:"When it was seen last"`
}

// AnomalyChange is the data of [AnomalyOpened] and [AnomalyResolved].
type AnomalyChange struct {
	Anomaly Anomaly `json:"anomaly" doc:"The finding, after what happened"`
	Actor   string  `json:"actor" doc:"Who did it, as the audit log names actors"`
	Note    string  `json:"note,omitempty" doc:"Why, in the words of who resolved it"`
}

// GiteaToken is an access token of a Gitea user as events show it.
type GiteaToken struct {
	TokenID      string    `json:"token_id" doc:"Names the token here"`
	Namespace    string    `json:"namespace" doc:"That of its connection; empty for none"`
	GiteaTokenID int64     `json:"gitea_token_id" doc:"Its id on the server"`
	Name         string    `json:"name" doc:"Its name on the server"`
	Login        string    `json:"login" doc:"The user"`
	Scopes       []string  `json:"scopes" doc:"What it may do"`
	LastEight    string    `json:"last_eight" doc:"The end of its secret, to tell it by"`
	Owner        string    `json:"owner,omitempty" doc:"Who answers for it"`
	State        string    `json:"state" doc:"How it stands, after what happened"`
	CreatedAt    time.Time `json:"created_at" doc:"When it was made, or seen first"`
	ExpiresAt    time.Time `json:"expires_at,omitzero" doc:"When it is deleted; absent for never"`
}

// GiteaTokenChange is the data of most events about tokens of Gitea users.
type GiteaTokenChange struct {
	Token  GiteaToken `json:"token" doc:"The token, after what happened"`
	Actor  string     `json:"actor" doc:"Who did it, as the audit log names actors"`
	Reason string     `json:"reason,omitempty" doc:"Why: by_person, expired, or a word for what was seen"`
}

// GiteaTokenRotation is the data of [GiteaTokenRotated].
type GiteaTokenRotation struct {
	Token     GiteaToken `json:"token" doc:"The token that another takes over from"`
	Successor GiteaToken `json:"successor" doc:"The one that takes over"`
	EndsAt    time.Time  `json:"ends_at" doc:"When the old one is deleted"`
	Waits     bool       `json:"secret_waits" doc:"Whether the secret of the new one waits to be fetched, once"`
	Actor     string     `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// N8NKey is an API key of an n8n account as events show it.
type N8NKey struct {
	ID        string    `json:"id" doc:"Names the key here"`
	Namespace string    `json:"namespace" doc:"That of its connection; empty for none"`
	N8NKeyID  string    `json:"n8n_key_id" doc:"Its id at n8n"`
	Label     string    `json:"label" doc:"Its label at n8n"`
	Login     string    `json:"login" doc:"E-mail of the account that it belongs to"`
	Scopes    []string  `json:"scopes" doc:"What it may do"`
	LastFour  string    `json:"last_four" doc:"The end of its secret, to tell it by"`
	Owner     string    `json:"owner,omitempty" doc:"Who answers for it"`
	State     string    `json:"state" doc:"How it stands, after what happened"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made, or seen first"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When it ends; absent for never"`
}

// N8NKeyChange is the data of most events about API keys of n8n accounts.
type N8NKeyChange struct {
	Key    N8NKey `json:"key" doc:"The key, after what happened"`
	Actor  string `json:"actor" doc:"Who did it, as the audit log names actors"`
	Reason string `json:"reason,omitempty" doc:"Why: by_person, expired, or a word for what was seen"`
}

// N8NKeyRotation is the data of [N8NKeyRotated].
type N8NKeyRotation struct {
	Key       N8NKey    `json:"key" doc:"The key that another takes over from"`
	Successor N8NKey    `json:"successor" doc:"The one that takes over; the same after a rotation in place"`
	EndsAt    time.Time `json:"ends_at" doc:"When the old secret is refused"`
	Waits     bool      `json:"secret_waits" doc:"Whether the new secret waits to be fetched, once"`
	Actor     string    `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// ConnectionChange is the data of [ConnectionPaused] and [ConnectionResumed].
type ConnectionChange struct {
	Kind      string `json:"kind" doc:"The program: gitea or n8n"`
	Name      string `json:"name" doc:"Name of the connection"`
	Namespace string `json:"namespace" doc:"Who may use it; empty for those who are not limited to namespaces"`
	Reason    string `json:"reason,omitempty" doc:"Why it is paused: credential_rejected or by_person"`
	Actor     string `json:"actor" doc:"Who did it, as the audit log names actors; system when the credential was rejected"`
}

// Report is the data of [ReportReady].
type Report struct {
	ReportID   string    `json:"report_id" doc:"Names the report; download it with credence report download, or over the API"`
	Namespace  string    `json:"namespace" doc:"What it is about; empty for all namespaces"`
	Span       string    `json:"span" doc:"daily, weekly, monthly or on_demand"`
	Since      time.Time `json:"since" doc:"Beginning of the time that it is about"`
	Until      time.Time `json:"until" doc:"End of it"`
	ScheduleID string    `json:"schedule_id,omitempty" doc:"The schedule that it was made by; absent when somebody asked for it"`
	Actor      string    `json:"actor" doc:"Who had it made, as the audit log names actors"`
}

// WebhookChange is the data of [WebhookDisabled].
type WebhookChange struct {
	WebhookID string `json:"webhook_id" doc:"Names the webhook"`
	Namespace string `json:"namespace" doc:"What it is told of; empty for everything"`
	Reason    string `json:"reason" doc:"Why it is no longer called"`
	Actor     string `json:"actor" doc:"Who did it, as the audit log names actors"`
}

// WebhookTrial is the data of [WebhookTest].
type WebhookTrial struct {
	WebhookID string `json:"webhook_id" doc:"Names the webhook"`
	Message   string `json:"message" doc:"For people"`
	Actor     string `json:"actor" doc:"Who did it, as the audit log names actors"`
}
