// Package api serves the use-cases of package management over HTTP.
//
// # One table
//
// [Operations] is the table of everything the API can do: method, path, role
// needed, success status, error codes, whether it creates and whether it needs
// If-Match, input, output and use-case. Routing, the OpenAPI document, the Go
// client (package client, generated), idempotency, the log of denied attempts
// and the roles test all read it. A new verb is one use-case, one row and one
// command of the CLI.
//
// # The path of a request
//
//	request id > panic guard > security headers > Host > in-flight bound
//	> route (404, 405) > budget of failures (429) > admin token (401) > role (403) > query names (400)
//	> body: type (415), size (413), JSON (400), field names, no secrets (422)
//	> If-Match (428, 400, 412) > schema (422) > use-case
//
// Nothing of a body is read before the token and the role are judged. Every
// answer that is not a success is application/problem+json with a stable code
// and, where fields are concerned, a list of field, problem and remedy; huma's
// own findings are brought into that form too (problem.go).
//
// Every text of a body passes credential.Seen: a secret that was pasted where
// a name or a reason belongs is refused before anything keeps it (secret.go).
//
// Status 400 means that the request cannot be read (JSON, cursor, header,
// unknown query parameter), 422 that it can be and a value is wrong.
//
// # What happens when things fail
//
// A store that cannot answer, a request that takes longer than its bound and
// too many requests at once are 503 with Retry-After; nothing was changed, or,
// where the answer alone was lost, the Idempotency-Key tells. A panic is 500,
// logged with its stack; the process goes on.
//
// Denied attempts (no usable token, role too small) are a log event and a
// counter. Audit entries for them, folded per address and minute so that a
// flood does not queue on the chain, belong at the same place: denied in
// guard.go.
//
// # Who may import it
//
// Package main only. It imports management, client and store, and no backend.
package api

//go:generate go run ./generate -client ../client/operations_gen.go -document ../../docs/openapi.json
