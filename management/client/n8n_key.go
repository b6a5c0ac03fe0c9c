package client

import "time"

// N8NKey is what is known of an API key of an n8n account, without its
// secret.
type N8NKey struct {
	ID           string    `json:"id" doc:"Names the key here"`
	Connection   string    `json:"connection,omitempty" doc:"Name of the connection; absent in lists over all of them"`
	ConnectionID string    `json:"connection_id" doc:"Id of the connection"`
	Namespace    string    `json:"namespace" doc:"That of the connection; empty for none"`
	N8NKeyID     string    `json:"n8n_key_id,omitempty" doc:"Its id at n8n; absent until it is known"`
	Label        string    `json:"label" doc:"Its name at n8n"`
	Login        string    `json:"login" doc:"E-mail of the account"`
	UserID       string    `json:"user_id,omitempty" doc:"Id of the account at n8n: it stays when the e-mail changes"`
	Scopes       []string  `json:"scopes" nullable:"false" doc:"What it may do"`
	ServerScopes []string  `json:"server_scopes,omitempty" doc:"What it may do as n8n listed it last"`
	LastFour     string    `json:"last_four,omitempty" doc:"The end of its secret, to tell it by"`
	Owner        string    `json:"owner,omitempty" doc:"Who answers for it"`
	Description  string    `json:"description,omitempty" doc:"For people"`
	State        string    `json:"state" enum:"making,active,widened,missing,stranger,rotating,deleting" doc:"How it stands; docs/n8n.md says what each means"`
	StateAt      time.Time `json:"state_at" doc:"Since when"`
	ExpiresAt    time.Time `json:"expires_at,omitzero" doc:"When it ends, and is deleted; absent for never"`
	RotateEvery  string    `json:"rotate_every,omitempty" doc:"It gets a successor so long after it was made, a Go duration"`
	Overlap      string    `json:"overlap" doc:"How long it lives beside its successor, a Go duration"`
	Predecessor  string    `json:"predecessor,omitempty" doc:"The key that it takes over from"`
	Successor    string    `json:"successor,omitempty" doc:"The key that takes over"`
	SecretWaits  bool      `json:"secret_waits" doc:"Whether its secret waits to be collected, once"`
	LastUsedAt   time.Time `json:"last_used_at,omitzero" doc:"As n8n states it"`
	VerifiedAt   time.Time `json:"verified_at,omitzero" doc:"When it was tried out last"`
	Outcome      string    `json:"outcome,omitempty" doc:"What came of that: valid, valid_limited or invalid"`
	CreatedBy    string    `json:"created_by" doc:"Who asked for it, as the audit log names actors"`
	CreatedAt    time.Time `json:"created_at" doc:"When it was asked for, or seen first"`
	UpdatedAt    time.Time `json:"updated_at"`
	Version      int64     `json:"version" doc:"Grows with every change"`
}

// N8NKeyCreate asks for a key.
type N8NKeyCreate struct {
	Connection  string    `json:"connection" doc:"Name of the connection"`
	Name        string    `json:"name" doc:"Begins its name at n8n; a random suffix is added"`
	Scopes      []string  `json:"scopes" doc:"What it may do, within the scopes of the connection"`
	Owner       string    `json:"owner,omitempty" doc:"Who answers for it"`
	Description string    `json:"description,omitempty" doc:"For people"`
	ExpiresAt   time.Time `json:"expires_at,omitzero" doc:"When it ends"`
	ExpiresIn   string    `json:"expires_in,omitempty" doc:"The same as a Go duration from now"`
	RotateEvery string    `json:"rotate_every,omitempty" doc:"It gets a successor so long after it was made, a Go duration"`
	Overlap     string    `json:"overlap,omitempty" doc:"How long it then lives beside it, a Go duration; 24h if unsaid"`
}

// N8NKeyCreated is a key and, this once, its secret.
type N8NKeyCreated struct {
	Key    N8NKey  `json:"key"`
	Secret KeyText `json:"secret,omitempty" doc:"Shown this once; absent when an earlier, equal request made it"`
	Code   string  `json:"code,omitempty" doc:"secret_not_repeatable when the secret is absent; remedy: rotate it"`
}

// N8NKeyVerified is what came of trying a key out.
type N8NKeyVerified struct {
	Key     N8NKey `json:"key"`
	Outcome string `json:"outcome" enum:"valid,valid_limited,invalid,unknown" doc:"unknown: nobody can say now, and what was known before stays"`
	Why     string `json:"why,omitempty" doc:"In the words of n8n, for callers who made the connection"`
}

// N8NKeyRotate asks for a successor.
type N8NKeyRotate struct {
	Overlap string `json:"overlap,omitempty" doc:"How long the old one lives on, a Go duration; as the key says if unsaid"`
	InPlace bool   `json:"in_place,omitempty" doc:"The same key gets another secret, and the old one is refused at once; n8n 2.28 and later"`
}

// N8NKeyCompare says what is to be compared.
type N8NKeyCompare struct {
	Connection string `json:"connection" doc:"Name of the connection"`
}

// N8NKeysCompared is what a comparison found.
type N8NKeysCompared struct {
	Items []N8NKey `json:"items" nullable:"false" doc:"What is new: strangers, missing, widened and found again"`
}

// N8NKeyAdopt accepts a key as it is at n8n.
type N8NKeyAdopt struct {
	Owner       string `json:"owner,omitempty" doc:"Who answers for it from now on"`
	Description string `json:"description,omitempty" doc:"For people"`
}

// N8NKeyCompareInput is the request of N8NKeyCompare.
type N8NKeyCompareInput struct {
	Body N8NKeyCompare
}

// N8NKeyAdoptInput is the request of N8NKeyAdopt.
type N8NKeyAdoptInput struct {
	ID   string `path:"id" doc:"Id of the key here"`
	Body N8NKeyAdopt
}

// N8NKeyCreateInput is the request of N8NKeyCreate.
type N8NKeyCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           N8NKeyCreate
}

// N8NKeyListInput is the request of N8NKeyList.
type N8NKeyListInput struct {
	Namespace  string `query:"namespace" doc:"Only those of this namespace"`
	Connection string `query:"connection" doc:"Only those of the connection of this name"`
	Owner      string `query:"owner" doc:"Only those that this owner answers for"`
	State      string `query:"state" doc:"Only those in this state"`
	PageInput
}

// N8NKeyInput is a request about one key.
type N8NKeyInput struct {
	ID string `path:"id" doc:"Id of the key here"`
}

// N8NKeyRotateInput is the request of N8NKeyRotate.
type N8NKeyRotateInput struct {
	ID             string `path:"id" doc:"Id of the key here"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           *N8NKeyRotate
}
