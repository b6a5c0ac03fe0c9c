package client

import "time"

// Namespace is a tenant boundary.
type Namespace struct {
	Name        string    `json:"name" doc:"Its id"`
	Description string    `json:"description" doc:"For people"`
	KeyPrefix   string    `json:"key_prefix" doc:"First word of key texts minted here"`
	Environment string    `json:"environment" doc:"Second word of key texts when a key names none"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Version     int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the namespace.
func (n Namespace) ETag() string { return ETag(n.Version) }

// NamespaceCreate asks for a new namespace.
type NamespaceCreate struct {
	Name        string `json:"name" minLength:"1" maxLength:"63" doc:"Its id: a-z, 0-9 and -"`
	Description string `json:"description,omitempty" maxLength:"1024" doc:"For people"`
	KeyPrefix   string `json:"key_prefix,omitempty" maxLength:"16" doc:"First word of key texts minted here; crd if unsaid"`
	Environment string `json:"environment,omitempty" maxLength:"16" doc:"Second word of key texts when a key names none; live if unsaid"`
}

// NamespaceUpdate is a JSON merge patch of a namespace.
type NamespaceUpdate struct {
	Description Patch[string] `json:"description,omitzero" maxLength:"1024" doc:"For people"`
	KeyPrefix   Patch[string] `json:"key_prefix,omitzero" maxLength:"16" doc:"First word of key texts minted from now on"`
	Environment Patch[string] `json:"environment,omitzero" maxLength:"16" doc:"Second word of key texts when a key names none"`
}

// NamespaceCreateInput is the request of NamespaceCreate.
type NamespaceCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           NamespaceCreate
}

// NamespaceListInput is the request of NamespaceList.
type NamespaceListInput struct {
	PageInput
}

// NamespaceShowInput is the request of NamespaceShow.
type NamespaceShowInput struct {
	Name string `path:"name" doc:"Name of the namespace"`
}

// NamespaceUpdateInput is the request of NamespaceUpdate.
type NamespaceUpdateInput struct {
	Name    string `path:"name" doc:"Name of the namespace"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body    NamespaceUpdate
}

// NamespaceDeleteInput is the request of NamespaceDelete.
type NamespaceDeleteInput struct {
	Name    string `path:"name" doc:"Name of the namespace"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
}
