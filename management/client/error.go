package client

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnreachable is wrapped by errors of calls that got no answer at all.
var ErrUnreachable = errors.New("management API cannot be reached")

// Error is an answer that is not the object asked for, in the form of RFC 9457
// (application/problem+json).
type Error struct {
	Type      string       `json:"type" doc:"about:blank: the code says what happened"`
	Title     string       `json:"title" doc:"The HTTP status in words"`
	Status    int          `json:"status" doc:"The HTTP status"`
	Code      string       `json:"code" doc:"Stable word for what happened; programs decide by it"`
	Detail    string       `json:"detail" doc:"What happened, for people"`
	Errors    []FieldError `json:"errors,omitempty" doc:"The fields that were refused"`
	RequestID string       `json:"request_id,omitempty" doc:"Finds the request in the server's log"`
}

// FieldError is what is wrong with one field, and what to do about it.
type FieldError struct {
	Field   string `json:"field" doc:"Path of the field, e.g. limits[0].period"`
	Problem string `json:"problem" doc:"What is wrong with it"`
	Remedy  string `json:"remedy,omitempty" doc:"What to do"`
}

// Error says the code, the detail and each refused field.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Problem)
		if f.Remedy != "" {
			fmt.Fprintf(&b, ": %s", f.Remedy)
		}
	}
	return b.String()
}
