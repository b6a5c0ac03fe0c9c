package client

import "time"

// Connection is the way to another program whose credentials are managed here,
// without its own credential.
type Connection struct {
	Kind          string            `json:"kind" doc:"The program: gitea or n8n"`
	Name          string            `json:"name" doc:"Its id among those of the kind"`
	Namespace     string            `json:"namespace" doc:"Whose callers may use it; empty for those without limits"`
	Description   string            `json:"description" doc:"For people"`
	URL           string            `json:"url" doc:"Base URL of the program"`
	Account       string            `json:"account" doc:"That the credential belongs to"`
	CA            string            `json:"ca,omitempty" doc:"Authorities that are trusted there, PEM; absent: those of the server"`
	ServerName    string            `json:"server_name,omitempty" doc:"Name that its certificate must bear, if not the host of the URL"`
	Logins        []string          `json:"logins" nullable:"false" doc:"Accounts that it may be used for; ci-* means all that begin so"`
	Scopes        []string          `json:"scopes" nullable:"false" doc:"The widest scopes that it may give"`
	Settings      map[string]string `json:"settings,omitempty" doc:"Of the kind"`
	State         string            `json:"state" enum:"active,paused" doc:"Whether it is used"`
	StateReason   string            `json:"state_reason,omitempty" doc:"Why it is paused: credential_rejected or by_person"`
	StateAt       time.Time         `json:"state_at" doc:"Since when"`
	ServerVersion string            `json:"server_version,omitempty" doc:"Of the program, at the last check"`
	CheckedAt     time.Time         `json:"checked_at,omitzero" doc:"When a check reached the program last"`
	CreatedBy     string            `json:"created_by" doc:"Who made it, as the audit log names actors"`
	CreatedAt     time.Time         `json:"created_at"`
	UpdatedAt     time.Time         `json:"updated_at"`
	Version       int64             `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the connection.
func (c Connection) ETag() string { return ETag(c.Version) }

// ConnectionCreate asks for a new connection.
type ConnectionCreate struct {
	Name        string            `json:"name" doc:"Its id among those of the kind"`
	Namespace   string            `json:"namespace,omitempty" doc:"Whose callers may use it; none for those without limits only"`
	Description string            `json:"description,omitempty" doc:"For people"`
	URL         string            `json:"url" doc:"Base URL: https, a public address or one that the server allows"`
	Account     string            `json:"account,omitempty" doc:"That the credential belongs to"`
	Credential  KeyText           `json:"credential" format:"password" doc:"What the account proves itself by; kept sealed and never shown"`
	CA          string            `json:"ca,omitempty" doc:"Authorities to trust there, PEM"`
	ServerName  string            `json:"server_name,omitempty" doc:"Name that its certificate must bear"`
	Logins      []string          `json:"logins,omitempty" doc:"Accounts that it may be used for; ci-* means all that begin so"`
	Scopes      []string          `json:"scopes,omitempty" doc:"The widest scopes that it may give"`
	Settings    map[string]string `json:"settings,omitempty" doc:"Of the kind"`
}

// ConnectionUpdate is a JSON merge patch of a connection.
type ConnectionUpdate struct {
	Description Patch[string]            `json:"description,omitzero" doc:"For people"`
	URL         Patch[string]            `json:"url,omitzero" doc:"Base URL; needs the credential anew"`
	Account     Patch[string]            `json:"account,omitzero" doc:"That the credential belongs to"`
	Credential  Patch[KeyText]           `json:"credential,omitzero" format:"password" doc:"What the account proves itself by"`
	CA          Patch[string]            `json:"ca,omitzero" doc:"Authorities to trust there, PEM"`
	ServerName  Patch[string]            `json:"server_name,omitzero" doc:"Name that its certificate must bear"`
	Logins      Patch[[]string]          `json:"logins,omitzero" doc:"All accounts that it may be used for"`
	Scopes      Patch[[]string]          `json:"scopes,omitzero" doc:"All of the widest scopes"`
	Settings    Patch[map[string]string] `json:"settings,omitzero" doc:"All settings"`
	Paused      Patch[bool]              `json:"paused,omitzero" doc:"Whether it is not to be used"`
}

// ConnectionChecked is what a check of a connection found.
type ConnectionChecked struct {
	Connection    Connection          `json:"connection" doc:"The connection, after the check"`
	Fine          bool                `json:"fine" doc:"Whether it can do its work"`
	ServerVersion string              `json:"server_version,omitempty" doc:"As the program states it"`
	Account       string              `json:"account,omitempty" doc:"Who the credential belongs to, as the program says"`
	Rights        []string            `json:"rights" nullable:"false" doc:"What it may do there"`
	Missing       []ConnectionMissing `json:"missing" nullable:"false" doc:"What it lacks for its work"`
	Warnings      []ConnectionMissing `json:"warnings" nullable:"false" doc:"What its owner should know, and does not keep it from its work"`
	Problem       *ConnectionProblem  `json:"problem,omitempty" doc:"Why the program was not reached, or did not let it in; absent when it did"`
}

// ConnectionMissing is one thing that a connection lacks, or that is to be known
// of it.
type ConnectionMissing struct {
	What   string `json:"what" doc:"What it is"`
	Remedy string `json:"remedy" doc:"What to do"`
}

// ConnectionProblem is why a program was not reached.
type ConnectionProblem struct {
	Kind    string `json:"kind" doc:"credential_rejected, unavailable, ...: docs/gitea.md lists them"`
	Status  int    `json:"status,omitempty" doc:"HTTP status of the answer, if there was one"`
	Message string `json:"message" doc:"In the words of the program or the network"`
	Remedy  string `json:"remedy" doc:"What to do"`
}

// ConnectionCreateInput is a request to make a connection.
type ConnectionCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           ConnectionCreate
}

// ConnectionListInput is a request for connections.
type ConnectionListInput struct {
	Namespace string `query:"namespace" doc:"Only those of this namespace"`
	PageInput
}

// ConnectionInput is a request about one connection.
type ConnectionInput struct {
	Name string `path:"name" doc:"Name of the connection"`
}

// ConnectionUpdateInput is a request to change a connection.
type ConnectionUpdateInput struct {
	Name    string `path:"name" doc:"Name of the connection"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body    ConnectionUpdate
}

// ConnectionDeleteInput is a request to delete a connection.
type ConnectionDeleteInput struct {
	Name    string `path:"name" doc:"Name of the connection"`
	Force   bool   `query:"force" doc:"Forget what was made over it; on the server it stays"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this is meant for"`
}
