package api

import (
	"net/http"

	"credence/management"
	"credence/store"
)

// connectionOperations are those on connections, for every kind there is.
func connectionOperations() []Operation {
	return append(kindOfConnection{store.ConnectionGitea, "Gitea", "/v1/gitea/connections"}.rows(),
		kindOfConnection{store.ConnectionN8N, "N8N", "/v1/n8n/connections"}.rows()...)
}

// kindOfConnection is a kind with its name in operations and its path.
type kindOfConnection struct {
	kind     store.ConnectionKind
	id, path string
}

func (k kindOfConnection) rows() []Operation {
	one := k.path + "/{name}"
	return []Operation{
		handle(Operation{
			ID: k.id + "ConnectionCreate", Method: http.MethodPost, Path: k.path, Summary: "Make a connection to " + k.id,
			Role: store.RoleAdmin, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused},
		}, k.create),
		handle(Operation{
			ID: k.id + "ConnectionList", Method: http.MethodGet, Path: k.path, Summary: "List connections to " + k.id + ", by name",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, k.list),
		handle(Operation{
			ID: k.id + "ConnectionShow", Method: http.MethodGet, Path: one, Summary: "Show a connection to " + k.id,
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, k.show),
		handle(Operation{
			ID: k.id + "ConnectionUpdate", Method: http.MethodPatch, Path: one, Summary: "Change a connection to " + k.id + " (JSON merge patch)",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeInUse, management.CodeStaleVersion},
		}, k.update),
		remove(Operation{
			ID: k.id + "ConnectionDelete", Method: http.MethodDelete, Path: one, Summary: "Delete a connection to " + k.id,
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeNotFound, management.CodeInUse, management.CodeStaleVersion},
		}, k.remove),
		handle(Operation{
			ID: k.id + "ConnectionCheck", CallsOutside: true, Method: http.MethodPost, Path: one + "/check",
			Summary: "Call " + k.id + " and say its version, what the connection may do there and what it lacks",
			Role:    store.RoleAdmin, Codes: []management.Code{management.CodeNotFound},
		}, k.check),
	}
}
