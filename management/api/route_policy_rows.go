package api

import (
	"net/http"

	"credence/management"
	"credence/store"
)

func routePolicyOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "RoutePolicyCreate", Method: http.MethodPost, Path: "/v1/route-policies", Summary: "Make a route policy",
			Role: store.RoleAdmin, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused},
		}, routePolicyCreate),
		handle(Operation{
			ID: "RoutePolicyList", Method: http.MethodGet, Path: "/v1/route-policies", Summary: "List route policies, by name",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, routePolicyList),
		handle(Operation{
			ID: "RoutePolicyExplain", Method: http.MethodGet, Path: "/v1/route-policies/explain",
			Summary: "Say which route policy a request gets by its host, path and method",
			Role:    store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, routePolicyExplain),
		handle(Operation{
			ID: "RoutePolicyShow", Method: http.MethodGet, Path: "/v1/route-policies/{name}", Summary: "Show a route policy",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, routePolicyShow),
		handle(Operation{
			ID: "RoutePolicyUpdate", Method: http.MethodPatch, Path: "/v1/route-policies/{name}", Summary: "Change a route policy (JSON merge patch)",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeStaleVersion},
		}, routePolicyUpdate),
		removeAndWait(Operation{
			ID: "RoutePolicyDelete", Method: http.MethodDelete, Path: "/v1/route-policies/{name}",
			Summary: "Delete a route policy; a proxy that still names it is denied", Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeStaleVersion},
		}, routePolicyDelete),
	}
}
