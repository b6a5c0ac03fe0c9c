package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"credence/management"
	"credence/management/client"
)

// The codes of what the use-cases never see.
const (
	codeMalformedRequest     = "malformed_request"      // cannot be read: JSON, cursor, header, query names
	codeUnsupportedMediaType = "unsupported_media_type" // a body that is not JSON
	codePayloadTooLarge      = "payload_too_large"      // a body over the bound
	codeMethodNotAllowed     = "method_not_allowed"     // see the Allow header
	codeNoSuchPath           = "no_such_path"           // see /openapi.json
	codeTooManyFailures      = "too_many_failures"      // the address has sent too many tokens that are not usable
	codeMisdirected          = "misdirected_request"    // Host is none of the configured names
)

// statusOf is the table: code of the use-cases to HTTP status. The CLI has
// the one from code to exit code (cli/exit.go).
func statusOf(code management.Code) int {
	switch code {
	case management.CodeInvalidInput, management.CodeIdempotencyKeyReused:
		return http.StatusUnprocessableEntity
	case management.CodeNotFound:
		return http.StatusNotFound
	case management.CodeConflict, management.CodeInUse, management.CodeKeyRevoked, management.CodeKeyExpired, management.CodeKeyRotated, management.CodeKeyNotPurgeable:
		return http.StatusConflict
	case management.CodeStaleVersion:
		return http.StatusPreconditionFailed
	case management.CodePreconditionRequired:
		return http.StatusPreconditionRequired
	case management.CodeForbidden:
		return http.StatusForbidden
	case management.CodeUnauthorized:
		return http.StatusUnauthorized
	case management.CodeIdentityProvider, management.CodeUnavailable:
		return http.StatusServiceUnavailable
	case management.CodeRemote:
		return http.StatusBadGateway
	case management.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// problem is an answer that is not a success: what is written, the headers
// that go with it, and the cause for the log.
type problem struct {
	wire   client.Error
	header http.Header
	cause  error
}

// Error, GetStatus, GetHeaders and ContentType are how huma recognises it.
func (p *problem) Error() string             { return p.wire.Detail }
func (p *problem) GetStatus() int            { return p.wire.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return problemType }

// Unwrap answers the cause.
func (p *problem) Unwrap() error { return p.cause }

const problemType = "application/problem+json"

// maxProblems bounds how many problems of an input are listed.
const maxProblems = 100

func newProblem(status int, code, detail string, fields ...client.FieldError) *problem {
	if more := len(fields) - maxProblems; more > 0 {
		fields = append(fields[:maxProblems:maxProblems], client.FieldError{
			Field: "body", Problem: "has " + strconv.Itoa(more) + " problems more", Remedy: "mend these first",
		})
	}
	return &problem{wire: client.Error{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields,
	}}
}

func (p *problem) with(header, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(header, value)
	return p
}

// problemOf brings what a use-case answered into the form of an answer. What
// is not an error of ours is a fault: its text stays in the log.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var e *management.Error
	if !errors.As(err, &e) {
		e = &management.Error{Code: management.CodeInternal, Message: "internal error"}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		e = &management.Error{Code: management.CodeUnavailable, Message: "the answer took too long; try again"}
	}
	fields := make([]client.FieldError, 0, len(e.Fields))
	for _, f := range e.Fields {
		if f.Field == "idempotency_key" {
			f.Field = "Idempotency-Key" // here it is a header
		}
		fields = append(fields, client.FieldError{Field: f.Field, Problem: f.Problem, Remedy: f.Remedy})
	}
	p = newProblem(statusOf(e.Code), string(e.Code), e.Message, fields...)
	p.cause = err
	switch p.wire.Status {
	case http.StatusServiceUnavailable:
		p = p.with("Retry-After", "1")
	case http.StatusUnauthorized:
		p = p.with("WWW-Authenticate", `Bearer realm="credence management"`)
	}
	return p
}

func malformed(field, what, remedy string) *problem {
	return newProblem(http.StatusBadRequest, codeMalformedRequest, "the request cannot be read",
		client.FieldError{Field: field, Problem: what, Remedy: remedy})
}
