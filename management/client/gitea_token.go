package client

import "time"

// GiteaToken is what is known of an access token of a Gitea user, without its
// secret.
type GiteaToken struct {
	TokenID      string    `json:"token_id" doc:"Names the token here"`
	Connection   string    `json:"connection,omitempty" doc:"Name of the connection; absent in lists over all of them"`
	ConnectionID string    `json:"connection_id" doc:"Id of the connection"`
	Namespace    string    `json:"namespace" doc:"That of the connection; empty for none"`
	GiteaTokenID int64     `json:"gitea_token_id,omitempty" doc:"Its id on the server; absent until it is known"`
	TokenName    string    `json:"token_name" doc:"Its name on the server"`
	Login        string    `json:"login" doc:"The user"`
	UserID       int64     `json:"user_id,omitempty" doc:"Id of the user on the server: it stays when the login changes"`
	Scopes       []string  `json:"scopes" nullable:"false" doc:"What it may do"`
	ServerScopes []string  `json:"server_scopes,omitempty" doc:"What it may do as the server listed it last"`
	LastEight    string    `json:"last_eight,omitempty" doc:"The end of its secret, to tell it by"`
	Owner        string    `json:"owner,omitempty" doc:"Who answers for it"`
	Description  string    `json:"description,omitempty" doc:"For people"`
	State        string    `json:"state" enum:"making,active,widened,missing,stranger,deleting" doc:"How it stands; docs/gitea.md says what each means"`
	StateAt      time.Time `json:"state_at" doc:"Since when"`
	ExpiresAt    time.Time `json:"expires_at,omitzero" doc:"When it is deleted; absent for never"`
	RotateEvery  string    `json:"rotate_every,omitempty" doc:"It gets a successor so long after it was made, a Go duration"`
	Overlap      string    `json:"overlap" doc:"How long it lives beside its successor, a Go duration"`
	Predecessor  string    `json:"predecessor,omitempty" doc:"The token that it takes over from"`
	Successor    string    `json:"successor,omitempty" doc:"The token that takes over"`
	SecretWaits  bool      `json:"secret_waits" doc:"Whether its secret waits to be collected, once"`
	LastUsedAt   time.Time `json:"last_used_at,omitzero" doc:"As the server states it"`
	VerifiedAt   time.Time `json:"verified_at,omitzero" doc:"When it was tried out last"`
	Outcome      string    `json:"outcome,omitempty" doc:"What came of that: valid, valid_limited, invalid or blocked"`
	CreatedBy    string    `json:"created_by" doc:"Who asked for it, as the audit log names actors"`
	CreatedAt    time.Time `json:"created_at" doc:"When it was asked for, or seen first"`
	UpdatedAt    time.Time `json:"updated_at"`
	Version      int64     `json:"version" doc:"Grows with every change"`
}

// GiteaTokenCreate asks for a token.
type GiteaTokenCreate struct {
	Connection  string    `json:"connection" doc:"Name of the connection"`
	Login       string    `json:"login" doc:"The user, one of those of the connection"`
	Name        string    `json:"name" doc:"Begins its name on the server; a random suffix is added"`
	Scopes      []string  `json:"scopes" doc:"What it may do, within the scopes of the connection"`
	Owner       string    `json:"owner,omitempty" doc:"Who answers for it"`
	Description string    `json:"description,omitempty" doc:"For people"`
	ExpiresAt   time.Time `json:"expires_at,omitzero" doc:"When it is deleted"`
	ExpiresIn   string    `json:"expires_in,omitempty" doc:"The same as a Go duration from now"`
	RotateEvery string    `json:"rotate_every,omitempty" doc:"It gets a successor so long after it was made, a Go duration"`
	Overlap     string    `json:"overlap,omitempty" doc:"How long it then lives beside it, a Go duration; 24h if unsaid"`
}

// GiteaTokenCreated is a token and, this once, its secret.
type GiteaTokenCreated struct {
	Token  GiteaToken `json:"token"`
	Secret KeyText    `json:"secret,omitempty" doc:"Shown this once; absent when an earlier, equal request made it"`
	Code   string     `json:"code,omitempty" doc:"secret_not_repeatable when the secret is absent; remedy: rotate it"`
}

// GiteaTokenVerified is what came of trying a token out.
type GiteaTokenVerified struct {
	Token   GiteaToken `json:"token"`
	Outcome string     `json:"outcome" enum:"valid,valid_limited,invalid,blocked,unknown" doc:"unknown: nobody can say now, and what was known before stays"`
	Why     string     `json:"why,omitempty" doc:"In the words of the server, for callers who made the connection"`
}

// GiteaTokenRotate asks for a successor.
type GiteaTokenRotate struct {
	Overlap string `json:"overlap,omitempty" doc:"How long the old one lives on, a Go duration; as the token says if unsaid"`
}

// GiteaTokenCompare says what is to be compared.
type GiteaTokenCompare struct {
	Connection string `json:"connection" doc:"Name of the connection"`
	After      string `json:"after,omitempty" doc:"next of the part before; absent to begin"`
}

// GiteaTokensCompared is what a comparison found.
type GiteaTokensCompared struct {
	Users int          `json:"users" doc:"How many users were looked at"`
	Items []GiteaToken `json:"items" nullable:"false" doc:"What is new: strangers, missing, widened and found again"`
	Next  string       `json:"next,omitempty" doc:"Give it as after to go on with the other users; absent when all were looked at"`
}

// GiteaTokenAdopt accepts a token as it is on the server.
type GiteaTokenAdopt struct {
	Owner       string `json:"owner,omitempty" doc:"Who answers for it from now on"`
	Description string `json:"description,omitempty" doc:"For people"`
}

// GiteaTokenCompareInput is the request of GiteaTokenCompare.
type GiteaTokenCompareInput struct {
	Body GiteaTokenCompare
}

// GiteaTokenAdoptInput is the request of GiteaTokenAdopt.
type GiteaTokenAdoptInput struct {
	TokenID string `path:"token_id" doc:"Id of the token here"`
	Body    GiteaTokenAdopt
}

// GiteaTokenCreateInput is the request of GiteaTokenCreate.
type GiteaTokenCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           GiteaTokenCreate
}

// GiteaTokenListInput is the request of GiteaTokenList.
type GiteaTokenListInput struct {
	Namespace  string `query:"namespace" doc:"Only those of this namespace"`
	Connection string `query:"connection" doc:"Only those of the connection of this name"`
	Login      string `query:"login" doc:"Only those of this user"`
	Owner      string `query:"owner" doc:"Only those that this owner answers for"`
	State      string `query:"state" doc:"Only those in this state"`
	PageInput
}

// GiteaTokenInput is a request about one token.
type GiteaTokenInput struct {
	TokenID string `path:"token_id" doc:"Id of the token here"`
}

// GiteaTokenRotateInput is the request of GiteaTokenRotate.
type GiteaTokenRotateInput struct {
	TokenID        string `path:"token_id" doc:"Id of the token here"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           *GiteaTokenRotate
}
