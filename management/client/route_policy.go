package client

import "time"

// RoutePolicy says what a route demands, and which requests it is chosen for
// where the proxy cannot say so.
type RoutePolicy struct {
	Name        string    `json:"name" doc:"Its id; proxies name it in credence.policy or in the path of forward-auth"`
	Description string    `json:"description" doc:"For people"`
	Namespaces  []string  `json:"namespaces" doc:"Namespaces whose keys are accepted; empty: default"`
	Scopes      []string  `json:"scopes" doc:"Scopes that a key must hold, all of them"`
	Environment string    `json:"environment" doc:"Environment that a key must be of; empty: any"`
	Cost        int64     `json:"cost" doc:"What a request is worth to limits"`
	Mode        string    `json:"mode" enum:"enforce,shadow" doc:"shadow lets everything pass and says what would have been refused"`
	Anonymous   string    `json:"anonymous" enum:"deny,allow" doc:"Whether requests without any key are let in"`
	Hosts       []string  `json:"hosts" doc:"Hosts that it is chosen for"`
	Paths       []string  `json:"paths" doc:"Paths that it is chosen for; a last segment * stands for everything below"`
	Methods     []string  `json:"methods" doc:"Methods that it is chosen for"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Version     int64     `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the policy.
func (p RoutePolicy) ETag() string { return ETag(p.Version) }

// RoutePolicyCreate asks for a new route policy.
type RoutePolicyCreate struct {
	Name        string   `json:"name" minLength:"1" maxLength:"63" doc:"Its id: 1 to 63 of a-z 0-9 -"`
	Description string   `json:"description,omitempty" maxLength:"1024" doc:"For people"`
	Namespaces  []string `json:"namespaces,omitempty" maxItems:"64" doc:"Namespaces whose keys are accepted; default if unsaid"`
	Scopes      []string `json:"scopes,omitempty" maxItems:"64" doc:"Scopes that a key must hold, all of them; each at most 128 characters"`
	Environment string   `json:"environment,omitempty" doc:"Environment that a key must be of; any if unsaid"`
	Cost        int64    `json:"cost,omitempty" doc:"What a request is worth to limits; 1 if unsaid"`
	Mode        string   `json:"mode,omitempty" doc:"enforce, or shadow to watch only; enforce if unsaid"`
	Anonymous   string   `json:"anonymous,omitempty" doc:"allow lets requests without any key in; deny if unsaid"`
	Hosts       []string `json:"hosts,omitempty" maxItems:"64" doc:"Hosts to choose it for, api.example.com or *.example.com; any if unsaid; each at most 253 characters"`
	Paths       []string `json:"paths,omitempty" maxItems:"64" doc:"Paths to choose it for, /a/b or /a/*; any if unsaid; each at most 512 characters"`
	Methods     []string `json:"methods,omitempty" maxItems:"32" doc:"Methods to choose it for; any if unsaid; each at most 32 characters"`
}

// RoutePolicyUpdate is a JSON merge patch of a route policy.
type RoutePolicyUpdate struct {
	Description Patch[string]   `json:"description,omitzero" maxLength:"1024" doc:"For people"`
	Namespaces  Patch[[]string] `json:"namespaces,omitzero" maxItems:"64" doc:"All namespaces whose keys are accepted"`
	Scopes      Patch[[]string] `json:"scopes,omitzero" maxItems:"64" doc:"All scopes that a key must hold; each at most 128 characters"`
	Environment Patch[string]   `json:"environment,omitzero" doc:"Environment that a key must be of"`
	Cost        Patch[int64]    `json:"cost,omitzero" doc:"What a request is worth to limits"`
	Mode        Patch[string]   `json:"mode,omitzero" doc:"enforce or shadow"`
	Anonymous   Patch[string]   `json:"anonymous,omitzero" doc:"deny or allow"`
	Hosts       Patch[[]string] `json:"hosts,omitzero" maxItems:"64" doc:"All hosts to choose it for; each at most 253 characters"`
	Paths       Patch[[]string] `json:"paths,omitzero" maxItems:"64" doc:"All paths to choose it for; each at most 512 characters"`
	Methods     Patch[[]string] `json:"methods,omitzero" maxItems:"32" doc:"All methods to choose it for; each at most 32 characters"`
}

// RoutePolicyChanged is a route policy that was made or changed, and the
// receipt where one was waited for.
type RoutePolicyChanged struct {
	RoutePolicy

	Receipt *Receipt `json:"receipt,omitempty" doc:"What the replicas know of the change; only with wait"`
}

// RoutePolicyDeleted is the receipt of a deletion that was waited for.
type RoutePolicyDeleted struct {
	Receipt *Receipt `json:"receipt" doc:"What the replicas know of it"`
}

// RouteRule is what a policy is chosen by; empty stands for any.
type RouteRule struct {
	Host   string `json:"host" doc:"Host, or *. and the end of hosts; empty: any"`
	Path   string `json:"path" doc:"Path; empty: any"`
	Method string `json:"method" doc:"Method; empty: any"`
}

// The verdicts on a request.
const (
	RouteFound   = "found"
	RouteNone    = "none"
	RouteUnclear = "unclear"
)

// RouteExplanation says which policy a request gets by its host, path and
// method, on a route of which the proxy says nothing itself.
type RouteExplanation struct {
	Verdict string       `json:"verdict" enum:"found,none,unclear" doc:"found: the policy holds; none: no rule speaks of it, keys of namespace default are accepted; unclear: it is denied"`
	Policy  *RoutePolicy `json:"policy,omitempty" doc:"The policy, when found"`
	Rule    *RouteRule   `json:"rule,omitempty" doc:"The rule it is chosen by; when unclear, the one that the request may be meant for"`
	Why     string       `json:"why,omitempty" doc:"What is unclear"`
}

// RoutePolicyCreateInput is the request of RoutePolicyCreate.
type RoutePolicyCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           RoutePolicyCreate
	WaitInput
}

// RoutePolicyListInput is the request of RoutePolicyList.
type RoutePolicyListInput struct {
	PageInput
}

// RoutePolicyShowInput is the request of RoutePolicyShow.
type RoutePolicyShowInput struct {
	Name string `path:"name" doc:"Name of the route policy"`
}

// RoutePolicyUpdateInput is the request of RoutePolicyUpdate.
type RoutePolicyUpdateInput struct {
	Name    string `path:"name" doc:"Name of the route policy"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	Body    RoutePolicyUpdate
	WaitInput
}

// RoutePolicyDeleteInput is the request of RoutePolicyDelete.
type RoutePolicyDeleteInput struct {
	Name    string `path:"name" doc:"Name of the route policy"`
	IfMatch string `header:"If-Match" doc:"ETag of the state this change is meant for"`
	WaitInput
}

// RoutePolicyExplainInput is the request of RoutePolicyExplain.
type RoutePolicyExplainInput struct {
	Host   string `query:"host" doc:"Host of the request, as it stands there"`
	Path   string `query:"path" doc:"Path of the request, as it stands there"`
	Method string `query:"method" doc:"Method of the request; GET if unsaid"`
}
