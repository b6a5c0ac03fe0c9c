package api

import (
	"net/http"

	"credence/management"
)

// codeMeaning says what a code means and what who gets it should do.
type codeMeaning struct {
	Code    string
	Status  int
	Meaning string
	Remedy  string
}

// codeMeanings explains every code there is; docs/api.md and the page at /docs
// show it, and tests keep them whole.
func codeMeanings() []codeMeaning {
	of := func(code management.Code, meaning, remedy string) codeMeaning {
		return codeMeaning{string(code), statusOf(code), meaning, remedy}
	}
	return []codeMeaning{
		{codeMalformedRequest, http.StatusBadRequest, "The request cannot be read: JSON, a header, a cursor or the name of a query parameter.", "Mend what errors names."},
		of(management.CodeUnauthorized, "No usable admin token.", "Send one that has not ended: Authorization: Bearer crdadm_..."),
		of(management.CodeForbidden, "The token may not do this, for its role or its namespaces.", "Use a token that may."),
		of(management.CodeNotFound, "There is no such object that the token may see.", "Check the name and the namespace."),
		{codeNoSuchPath, http.StatusNotFound, "There is no such path.", "See /docs."},
		{codeMethodNotAllowed, http.StatusMethodNotAllowed, "The path does not know the method.", "Use one of the Allow header."},
		of(management.CodeConflict, "The name is taken, or the state of things forbids it.", "detail says what is in the way."),
		of(management.CodeInUse, "Others still refer to the object.", "Change or remove those that detail names first."),
		of(management.CodeKeyRevoked, "The key was revoked, for good.", "Make a new key."),
		of(management.CodeKeyExpired, "The life of the key has ended.", "Make a new key."),
		of(management.CodeKeyRotated, "Another key has taken over from this one already.", "Rotate the successor."),
		of(management.CodeKeyNotPurgeable, "The key is neither revoked nor expired.", "Revoke it first."),
		of(management.CodeStaleVersion, "The object has changed since it was read.", "Read it again and repeat the change on what it is now."),
		{codePayloadTooLarge, http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB, or holds more than 10,000 values.", "Send less in one request."},
		{codeUnsupportedMediaType, http.StatusUnsupportedMediaType, "The body is not sent as JSON.", "Send Content-Type: application/json."},
		{codeMisdirected, http.StatusMisdirectedRequest, "The Host header is none of the names of this server.", "Use one of them, or configure the name (--api-hosts)."},
		of(management.CodeInvalidInput, "The request can be read, and a value in it cannot be accepted.", "Mend the fields that errors names."),
		of(management.CodeIdempotencyKeyReused, "The Idempotency-Key was used with another request.", "Use a new one for each thing to make."),
		of(management.CodePreconditionRequired, "A change without If-Match.", "Read the object and send its ETag as If-Match."),
		{codeTooManyFailures, http.StatusTooManyRequests, "The address has sent too many tokens that are not usable.", "Wait as long as Retry-After says."},
		of(management.CodeInternal, "A fault of the server.", "Report request_id to who runs it."),
		of(management.CodeRemote, "Another program (Gitea, n8n) did not do its part; errors says why.", "Do what errors says; what it was told is mended by itself."),
		of(management.CodeIdentityProvider, "The identity provider of the token cannot be asked now.", "Try again after Retry-After, or use an admin token."),
		of(management.CodeUnavailable, "The server cannot do it now; nothing was changed, or the answer alone was lost.", "Try again after Retry-After, with the same Idempotency-Key."),
	}
}
