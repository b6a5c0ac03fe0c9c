package api_test

import (
	"encoding/base64"
	"net/http"
	"testing"
)

// PostgreSQL refuses these texts where SQLite takes them for any other.
func TestTextsThatNoDatabaseHoldsAreTheCallersMistake(t *testing.T) {
	d := deploy(t)
	cursor := base64.RawURLEncoding.EncodeToString([]byte("KeyList key_\x00"))
	for _, c := range []struct{ path, field string }{
		{"/v1/keys?owner=a%00b", "owner"},
		{"/v1/keys?name=%ff", "name"},
		{"/v1/keys?label=team%3Da%00", "label"},
		{"/v1/keys?scope=a%00", "scope"},
		{"/v1/audit?actor=a%00", "actor"},
		{"/v1/keys?cursor=" + cursor, "cursor"},
	} {
		wantProblem(t, d.send(t, http.MethodGet, c.path, ""), http.StatusBadRequest, "malformed_request", c.field)
	}
	for _, path := range []string{"/v1/keys/key_%00", "/v1/plans/%ff"} {
		wantProblem(t, d.send(t, http.MethodGet, path, ""), http.StatusNotFound, "not_found", "")
	}
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/revoke", `{"filter": {"owner": "a\u0000"}, "reason": "leak"}`),
		http.StatusUnprocessableEntity, "invalid_input", "filter.owner")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys", `{"name": "n", "labels": {"a\u0000": "b"}}`),
		http.StatusUnprocessableEntity, "invalid_input", "labels.a\x00")
}
