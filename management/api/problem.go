package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"credence/management"
	"credence/management/client"
)

// translate is what every answer passes before it is written. It brings the findings of huma's schema validation, which it writes
// as its own type, into the one form of error. Values are not echoed.
func translate(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*problem); ok {
		return p.wire, nil
	}
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if e.Status >= http.StatusInternalServerError {
		p := newProblem(e.Status, string(management.CodeInternal), "internal error")
		p.wire.RequestID = requestID(ctx.Context())
		return p.wire, nil
	}
	fields := make([]client.FieldError, 0, len(e.Errors))
	for _, d := range e.Errors {
		fields = append(fields, fieldError(d))
	}
	slices.SortFunc(fields, func(a, b client.FieldError) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Problem, b.Problem))
	})
	p := newProblem(e.Status, string(management.CodeInvalidInput), "the request holds values that cannot be accepted", fields...)
	p.wire.RequestID = requestID(ctx.Context())
	return p.wire, nil
}

// fieldError drops where the field was (body, query, ...): its name is what
// the caller wrote.
func fieldError(d *huma.ErrorDetail) client.FieldError {
	place, field, found := strings.Cut(d.Location, ".")
	if !found {
		field = cmp.Or(place, "body")
	}
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		name = strings.TrimSuffix(name, " to be present")
		if field != "body" {
			name = field + "." + name
		}
		return client.FieldError{Field: name, Problem: "is missing", Remedy: "give it"}
	}
	if want, ok := strings.CutPrefix(d.Message, "expected value to be one of "); ok {
		return client.FieldError{Field: field, Problem: "is none of the words known here", Remedy: "use one of: " + strings.Trim(want, `"`)}
	}
	if want, ok := strings.CutPrefix(d.Message, "expected "); ok {
		return client.FieldError{Field: field, Problem: "has the wrong form", Remedy: "give " + want}
	}
	if strings.HasPrefix(d.Message, "json: ") {
		return client.FieldError{Field: goField(d.Message), Problem: "does not fit the field", Remedy: "see the field in /openapi.json"}
	}
	return client.FieldError{Field: field, Problem: d.Message, Remedy: "see the field in /openapi.json"}
}

// goField finds the field in what encoding/json says of a number that fits
// the schema and not the type: "... Go struct field KeyCreate.limits.limit of
// type int64".
func goField(message string) string {
	_, path, _ := strings.Cut(message, "Go struct field ")
	path, _, _ = strings.Cut(path, " ")
	_, path, _ = strings.Cut(path, ".")
	return cmp.Or(path, "body")
}
