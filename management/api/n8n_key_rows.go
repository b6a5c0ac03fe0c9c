package api

import (
	"net/http"

	"credence/management"
	"credence/store"
)

const oneN8NKey = "/v1/n8n/keys/{id}"

func n8nKeyOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "N8NKeyCreate", CallsOutside: true, Method: http.MethodPost, Path: "/v1/n8n/keys", Summary: "Make an API key of an n8n account and show its secret, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeIdempotencyKeyReused, management.CodeRemote},
		}, n8nKeyCreate),
		handle(Operation{
			ID: "N8NKeyList", Method: http.MethodGet, Path: "/v1/n8n/keys", Summary: "List API keys of n8n accounts, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, n8nKeyList),
		handle(Operation{
			ID: "N8NKeyShow", Method: http.MethodGet, Path: oneN8NKey, Summary: "Show an API key of an n8n account",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, n8nKeyShow),
		handle(Operation{
			ID: "N8NKeyVerify", CallsOutside: true, Method: http.MethodPost, Path: oneN8NKey + "/verify", Summary: "Try an API key of an n8n account out",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, n8nKeyVerify),
		handle(Operation{
			ID: "N8NKeyRotate", CallsOutside: true, Method: http.MethodPost, Path: oneN8NKey + "/rotate", Summary: "Give an API key of an n8n account a successor, or another secret, and show it, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeIdempotencyKeyReused, management.CodeRemote},
		}, n8nKeyRotate),
		handle(Operation{
			ID: "N8NKeyCollect", Method: http.MethodPost, Path: oneN8NKey + "/collect", Summary: "Show the secret of a key that took over by schedule, once",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, n8nKeyCollect),
		handle(Operation{
			ID: "N8NKeyCompare", CallsOutside: true, Method: http.MethodPost, Path: "/v1/n8n/keys/compare", Summary: "Compare what is known of the keys of a connection with what n8n has",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict, management.CodeRemote},
		}, n8nKeyCompare),
		handle(Operation{
			ID: "N8NKeyAdopt", Method: http.MethodPost, Path: oneN8NKey + "/adopt", Summary: "Accept a stranger or a widened key as it is at n8n",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict},
		}, n8nKeyAdopt),
		remove(Operation{
			ID: "N8NKeyDelete", CallsOutside: true, Method: http.MethodDelete, Path: oneN8NKey, Summary: "Delete an API key of an n8n account, at n8n and here",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict, management.CodeRemote},
		}, n8nKeyDelete),
	}
}
