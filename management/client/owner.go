package client

import "time"

// Owner is the team, user or service that keys belong to. All its keys share
// the one budget of its limits and quotas.
type Owner struct {
	Namespace   string    `json:"namespace" doc:"Namespace it lives in"`
	Name        string    `json:"name" doc:"Its id within the namespace"`
	Description string    `json:"description" doc:"For people"`
	Contact     string    `json:"contact" doc:"How to reach it"`
	Limits      []Limit   `json:"limits" doc:"Rates that all its keys share"`
	Quotas      []Quota   `json:"quotas" doc:"Calendar budgets that all its keys share"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Version     int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the owner.
func (o Owner) ETag() string { return ETag(o.Version) }

// OwnerCreate asks for a new owner.
type OwnerCreate struct {
	Namespace   string  `json:"namespace,omitempty" maxLength:"63" doc:"Namespace to make it in; default if unsaid"`
	Name        string  `json:"name" minLength:"1" maxLength:"128" doc:"Its id within the namespace"`
	Description string  `json:"description,omitempty" maxLength:"1024" doc:"For people"`
	Contact     string  `json:"contact,omitempty" maxLength:"256" doc:"How to reach it"`
	Limits      []Limit `json:"limits,omitempty" maxItems:"8" doc:"Rates that all its keys share"`
	Quotas      []Quota `json:"quotas,omitempty" maxItems:"4" doc:"Calendar budgets that all its keys share"`
}

// OwnerUpdate is a JSON merge patch of an owner.
type OwnerUpdate struct {
	Description Patch[string]  `json:"description,omitzero" maxLength:"1024" doc:"For people"`
	Contact     Patch[string]  `json:"contact,omitzero" maxLength:"256" doc:"How to reach it"`
	Limits      Patch[[]Limit] `json:"limits,omitzero" maxItems:"8" doc:"All rates"`
	Quotas      Patch[[]Quota] `json:"quotas,omitzero" maxItems:"4" doc:"All calendar budgets"`
}

// OwnerCreateInput is the request of OwnerCreate.
type OwnerCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           OwnerCreate
}

// OwnerListInput is the request of OwnerList.
type OwnerListInput struct {
	Namespace string `query:"namespace" doc:"Only owners of this namespace"`
	PageInput
}

// OwnerShowInput is the request of OwnerShow.
type OwnerShowInput struct {
	Name      string `path:"name" doc:"Name of the owner"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
}

// OwnerUpdateInput is the request of OwnerUpdate.
type OwnerUpdateInput struct {
	Name      string `path:"name" doc:"Name of the owner"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body      OwnerUpdate
	WaitInput
}

// OwnerDeleteInput is the request of OwnerDelete.
type OwnerDeleteInput struct {
	Name      string `path:"name" doc:"Name of the owner"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this change is meant for"`
}
