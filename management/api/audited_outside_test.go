package api_test

import (
	"time"

	"credence/management/client"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

func aGiteaToken(w walk) (id, tag string) {
	aConnection(w)
	made := ok[client.GiteaTokenCreated](w)(w.GiteaTokenCreate(w.t.Context(), client.GiteaTokenCreateInput{Body: client.GiteaTokenCreate{
		Connection: "main", Login: "alice", Name: "ci", Scopes: []string{"read:repository"},
	}}))
	return made.Token.TokenID, ""
}

// anN8N leads to what answers like n8n.
func anN8N(w walk) (name, tag string) {
	made := ok[client.Connection](w)(w.N8NConnectionCreate(w.t.Context(), client.ConnectionCreateInput{Body: client.ConnectionCreate{
		Name: "main", URL: n8nserver.NewFake(w.t, n8nserver.New, time.Now).URL, Account: n8nserver.Email, Credential: n8nserver.Password,
		Scopes: []string{"tag:list"},
	}}))
	return made.Name, made.ETag()
}

func anN8NKey(w walk) (id, tag string) {
	anN8N(w)
	made := ok[client.N8NKeyCreated](w)(w.N8NKeyCreate(w.t.Context(), client.N8NKeyCreateInput{Body: client.N8NKeyCreate{
		Connection: "main", Name: "ci", Scopes: []string{"tag:list"},
	}}))
	return made.Key.ID, ""
}

// aConnection leads to a server that answers like Gitea.
func aConnection(w walk) (name, tag string) {
	server := fakegitea.New(w.t, "1.27.3")
	server.AddUser(fakegitea.User{Login: "alice"})
	made := ok[client.Connection](w)(w.GiteaConnectionCreate(w.t.Context(), client.ConnectionCreateInput{Body: client.ConnectionCreate{
		Name: "main", URL: server.URL, Account: fakegitea.Admin, Credential: fakegitea.Password,
		Logins: []string{"*"}, Scopes: []string{"write:repository"},
	}}))
	return made.Name, made.ETag()
}

func aWebhook(w walk) (id, tag string) {
	made := w.webhook()
	return made.WebhookID, made.ETag()
}
