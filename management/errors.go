package management

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"credence/store"
)

// Code is the stable word for what went wrong; programs may rely on it.
type Code string

// The codes.
const (
	CodeInvalidInput         Code = "invalid_input"                 // Fields says what and how to mend it
	CodeNotFound             Code = "not_found"                     // no such object that the actor may see
	CodeConflict             Code = "conflict"                      // the name is taken, or the state forbids it
	CodeStaleVersion         Code = "stale_version"                 // changed since the caller read it
	CodePreconditionRequired Code = "precondition_required"         // an update without the version it is based on
	CodeForbidden            Code = "forbidden"                     // the actor may never do this
	CodeUnauthorized         Code = "unauthorized"                  // no usable admin token
	CodeInUse                Code = "in_use"                        // others still refer to it
	CodeKeyRevoked           Code = "key_revoked"                   // final; make a new key
	CodeKeyExpired           Code = "key_expired"                   // its life has ended; make a new key
	CodeKeyRotated           Code = "key_rotated"                   // another key has taken over already
	CodeKeyNotPurgeable      Code = "key_not_purgeable"             // neither revoked nor expired
	CodeIdempotencyKeyReused Code = "idempotency_key_reused"        // with another request
	CodeIdentityProvider     Code = "identity_provider_unavailable" // nobody can say whether its token is usable
	CodeRemote               Code = "remote_failed"                 // another program did not do its part
	CodeUnavailable          Code = "unavailable"                   // try again
	CodeInternal             Code = "internal"                      // a fault of ours
)

// Codes lists every code.
func Codes() []Code {
	return []Code{
		CodeInvalidInput, CodeNotFound, CodeConflict, CodeStaleVersion, CodePreconditionRequired, CodeForbidden,
		CodeUnauthorized, CodeInUse, CodeKeyRevoked, CodeKeyExpired, CodeKeyRotated, CodeKeyNotPurgeable, CodeIdempotencyKeyReused, CodeIdentityProvider, CodeRemote, CodeUnavailable,
		CodeInternal,
	}
}

// FieldError is one problem of one field of an input.
type FieldError struct {
	Field   string `json:"field"`   // JSON name, "limits[0].period"
	Problem string `json:"problem"` // what is wrong with the value
	Remedy  string `json:"remedy"`  // what to do
}

// Error is what every use-case answers when it did not do its work.
type Error struct {
	Code    Code
	Message string // safe to show to the caller
	Fields  []FieldError

	cause error // for the log, never for the caller
}

// Error is the message with every field problem, and the cause for the log.
// Show callers Message and Fields instead.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s %s", sep, f.Field, f.Problem)
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap answers the cause.
func (e *Error) Unwrap() error { return e.cause }

// refuse makes an Error without a cause.
func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid reports an input that was refused, and what is wrong with it.
func invalid(err error) (refused bool, fields []FieldError) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeInvalidInput {
		return false, nil
	}
	return true, e.Fields
}

// failed turns what a transaction answered into an Error about the object. It
// is the one place that maps the store's sentinels to codes.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	for _, m := range sentinels() {
		if errors.Is(err, m.is) {
			return &Error{Code: m.code, Message: what + ": " + m.message, cause: err}
		}
	}
	return &Error{Code: CodeInternal, Message: what + ": internal error", cause: err}
}

type sentinel struct {
	is      error
	code    Code
	message string
}

func sentinels() []sentinel {
	return []sentinel{
		{store.ErrNotFound, CodeNotFound, "not found"},
		{store.ErrConflict, CodeConflict, "already exists"},
		{store.ErrStale, CodeStaleVersion, "changed since it was read; read it again and repeat the change on what it is now"},
		{store.ErrReferenced, CodeInUse, "still in use"},
		{store.ErrMissingReference, CodeConflict, "refers to something that was removed meanwhile; read and try again"},
		{store.ErrUnavailable, CodeUnavailable, "the store cannot answer now; try again"},
		{store.ErrLocked, CodeUnavailable, "the store is busy; try again"},
		{context.DeadlineExceeded, CodeUnavailable, "the store did not answer in time; try again"},
		{context.Canceled, CodeUnavailable, "the request was given up"},
	}
}
