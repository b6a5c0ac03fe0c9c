package api

import (
	"net/http"

	"credence/management"
	"credence/store"
)

const oneGiteaToken = "/v1/gitea/tokens/{token_id}"

func giteaTokenOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "GiteaTokenCreate", CallsOutside: true, Method: http.MethodPost, Path: "/v1/gitea/tokens", Summary: "Make an access token of a Gitea user and show its secret, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeIdempotencyKeyReused, management.CodeRemote},
		}, giteaTokenCreate),
		handle(Operation{
			ID: "GiteaTokenList", Method: http.MethodGet, Path: "/v1/gitea/tokens", Summary: "List access tokens of Gitea users, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, giteaTokenList),
		handle(Operation{
			ID: "GiteaTokenShow", Method: http.MethodGet, Path: oneGiteaToken, Summary: "Show an access token of a Gitea user",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, giteaTokenShow),
		handle(Operation{
			ID: "GiteaTokenVerify", CallsOutside: true, Method: http.MethodPost, Path: oneGiteaToken + "/verify", Summary: "Try an access token of a Gitea user out",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, giteaTokenVerify),
		handle(Operation{
			ID: "GiteaTokenRotate", CallsOutside: true, Method: http.MethodPost, Path: oneGiteaToken + "/rotate", Summary: "Make a successor of an access token of a Gitea user and show its secret, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict, management.CodeIdempotencyKeyReused, management.CodeRemote},
		}, giteaTokenRotate),
		handle(Operation{
			ID: "GiteaTokenCollect", Method: http.MethodPost, Path: oneGiteaToken + "/collect", Summary: "Show the secret of a token that took over by schedule, once",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, giteaTokenCollect),
		handle(Operation{
			ID: "GiteaTokenCompare", CallsOutside: true, Method: http.MethodPost, Path: "/v1/gitea/tokens/compare", Summary: "Compare what is known of the tokens of a connection with what the server has",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict, management.CodeRemote},
		}, giteaTokenCompare),
		handle(Operation{
			ID: "GiteaTokenAdopt", Method: http.MethodPost, Path: oneGiteaToken + "/adopt", Summary: "Accept a stranger or a widened token as it is on the server",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeConflict},
		}, giteaTokenAdopt),
		remove(Operation{
			ID: "GiteaTokenDelete", CallsOutside: true, Method: http.MethodDelete, Path: oneGiteaToken, Summary: "Delete an access token of a Gitea user, on the server and here",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeConflict, management.CodeRemote},
		}, giteaTokenDelete),
	}
}
