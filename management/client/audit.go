package client

import (
	"encoding/json"
	"time"
)

// AuditEntry is what a person or a job did to an object.
type AuditEntry struct {
	ID        string          `json:"id" doc:"Its id: the namespace of its chain, a colon and its number there"`
	Namespace string          `json:"namespace" doc:"Chain it belongs to; empty for what has no namespace"`
	Sequence  int64           `json:"sequence" doc:"Its number in the chain, from 1"`
	At        time.Time       `json:"at"`
	Actor     string          `json:"actor" doc:"Who: token:tok_..., job:..., system"`
	Action    string          `json:"action" doc:"Did what: key.create, blacklist.add, ..."`
	Object    string          `json:"object" doc:"To what: key:key_..., plan:basic, ..."`
	KeyID     string          `json:"key_id,omitempty" doc:"The key it is about, if it is about one"`
	IPAddress string          `json:"ip_address,omitempty" doc:"Where the actor asked from"`
	RequestID string          `json:"request_id,omitempty" doc:"Request that did it, as in the log"`
	Details   json.RawMessage `json:"details,omitempty" doc:"What changed, before and after, without secrets"`
	Unread    bool            `json:"details_unreadable,omitempty" doc:"True when the keyset of this server does not open the details"`
	Previous  string          `json:"previous_hash" doc:"Hash of the entry before it in the chain, hexadecimal"`
	Hash      string          `json:"entry_hash" doc:"Its own hash, over all its stored fields, hexadecimal"`
}

// AuditListInput is the request of AuditList; empty fields do not narrow.
type AuditListInput struct {
	Namespace string    `query:"namespace" doc:"Only entries of this namespace"`
	Global    bool      `query:"global" doc:"Only entries about what has no namespace; not together with namespace"`
	KeyID     string    `query:"key_id" doc:"Only entries about this key"`
	Actor     string    `query:"actor" doc:"Only what this actor did"`
	Action    string    `query:"action" doc:"Only this action"`
	Object    string    `query:"object" doc:"Only what was done to this object"`
	Since     time.Time `query:"since" doc:"Only entries at or after this instant (RFC 3339)"`
	Until     time.Time `query:"until" doc:"Only entries before this instant (RFC 3339)"`
	PageInput
}

// AuditShowInput is the request of AuditShow.
type AuditShowInput struct {
	ID string `path:"id" doc:"Id of the entry, e.g. default:42"`
}

// AuditCheckpoint is a signed word on where a chain stood.
type AuditCheckpoint struct {
	Namespace string    `json:"namespace" doc:"Chain; empty for what has no namespace"`
	Sequence  int64     `json:"sequence" doc:"Entry that it signs, and with it all before"`
	Kind      string    `json:"kind" doc:"head: the chain ended there; retention: what is up to there may have been removed"`
	At        time.Time `json:"at"`
	Hash      string    `json:"entry_hash" doc:"Hash of the entry, hexadecimal"`
	Line      string    `json:"line" doc:"The checkpoint as an anchor holds it and audit verify --checkpoint takes it"`
}

// AuditCheckpointInput is the request of AuditCheckpoint.
type AuditCheckpointInput struct {
	Namespace string `query:"namespace" doc:"Only the chain of this namespace; all if unsaid"`
}

// AuditCheckpointListInput is the request of AuditCheckpointList.
type AuditCheckpointListInput struct {
	Namespace string `query:"namespace" doc:"Only checkpoints of this namespace"`
	Global    bool   `query:"global" doc:"Only those of the chain of what has no namespace; not together with namespace"`
	PageInput
}

// AuditPublicKeyInput is the request of AuditPublicKey.
type AuditPublicKeyInput struct{}

// AuditPublicKey is what checkpoints are verified by.
type AuditPublicKey struct {
	PublicKeys string `json:"public_keys" doc:"The public signing keys, old ones too, in PEM"`
}

// AuditExportInput is the request of AuditExport.
type AuditExportInput struct {
	Namespace string `query:"namespace" doc:"Only the chain of this namespace"`
	Global    bool   `query:"global" doc:"Only the chain of what has no namespace; not together with namespace"`
	Details   bool   `query:"details" doc:"Details also opened, beside the sealed ones"`
}

// AuditAnchorListInput is the request of AuditAnchorList.
type AuditAnchorListInput struct{}

// AuditAnchor is a place outside that keeps checkpoints.
type AuditAnchor struct {
	Name     string    `json:"name" doc:"file:PATH, or its address"`
	Through  int64     `json:"through" doc:"Number of the last checkpoint that it holds; 0 for none"`
	HeldAt   time.Time `json:"held_at,omitzero" doc:"When it got that one"`
	TriedAt  time.Time `json:"tried_at,omitzero" doc:"When it was last told"`
	Failures int       `json:"failures" doc:"How often in a row it could not be told"`
	Problem  string    `json:"problem,omitempty" doc:"Why not, the last time"`
}
