package client

import "time"

// Plan is a named set of limits that many keys share the definition of.
type Plan struct {
	Namespace   string    `json:"namespace" doc:"Namespace it lives in"`
	Name        string    `json:"name" doc:"Its id within the namespace"`
	Description string    `json:"description" doc:"For people"`
	Limits      []Limit   `json:"limits" doc:"Rates that each key on the plan has"`
	Quotas      []Quota   `json:"quotas" doc:"Calendar budgets that each key on the plan has"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Version     int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the plan.
func (p Plan) ETag() string { return ETag(p.Version) }

// PlanCreate asks for a new plan.
type PlanCreate struct {
	Namespace   string  `json:"namespace,omitempty" maxLength:"63" doc:"Namespace to make it in; default if unsaid"`
	Name        string  `json:"name" minLength:"1" maxLength:"128" doc:"Its id within the namespace"`
	Description string  `json:"description,omitempty" maxLength:"1024" doc:"For people"`
	Limits      []Limit `json:"limits,omitempty" maxItems:"8" doc:"Rates that each key on the plan has"`
	Quotas      []Quota `json:"quotas,omitempty" maxItems:"4" doc:"Calendar budgets that each key on the plan has"`
}

// PlanUpdate is a JSON merge patch of a plan.
type PlanUpdate struct {
	Description Patch[string]  `json:"description,omitzero" maxLength:"1024" doc:"For people"`
	Limits      Patch[[]Limit] `json:"limits,omitzero" maxItems:"8" doc:"All rates"`
	Quotas      Patch[[]Quota] `json:"quotas,omitzero" maxItems:"4" doc:"All calendar budgets"`
}

// PlanCreateInput is the request of PlanCreate.
type PlanCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           PlanCreate
}

// PlanListInput is the request of PlanList.
type PlanListInput struct {
	Namespace string `query:"namespace" doc:"Only plans of this namespace"`
	PageInput
}

// PlanShowInput is the request of PlanShow.
type PlanShowInput struct {
	Name      string `path:"name" doc:"Name of the plan"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
}

// PlanUpdateInput is the request of PlanUpdate.
type PlanUpdateInput struct {
	Name      string `path:"name" doc:"Name of the plan"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body      PlanUpdate
	WaitInput
}

// PlanDeleteInput is the request of PlanDelete.
type PlanDeleteInput struct {
	Name      string `path:"name" doc:"Name of the plan"`
	Namespace string `query:"namespace" doc:"Namespace it lives in; default if unsaid"`
	IfMatch   string `header:"If-Match" doc:"ETag of the state this change is meant for"`
}
