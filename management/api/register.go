package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"credence/management"
	"credence/management/client"
)

// answer is the body of a success and the ETag of the object in it.
type answer[O any] struct {
	ETag string `header:"ETag" doc:"Entity tag of the object, for If-Match"`
	Body O
}

// plainAnswer is the body of a success that is no single object.
type plainAnswer[O any] struct {
	Body O
}

type tagged interface{ ETag() string }

func register[I, O any](s *server, op Operation, f func(context.Context, call, *I) (O, error)) {
	var none O
	if _, ok := any(none).(tagged); !ok {
		huma.Register(s.huma, s.describe(op), func(ctx context.Context, in *I) (*plainAnswer[O], error) {
			out, err := f(ctx, callOf(ctx), in)
			if err != nil {
				return nil, s.refuse(ctx, err)
			}
			return &plainAnswer[O]{Body: out}, nil
		})
		return
	}
	huma.Register(s.huma, s.describe(op), func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := f(ctx, callOf(ctx), in)
		if err != nil {
			return nil, s.refuse(ctx, err)
		}
		a := &answer[O]{Body: out}
		if t, ok := any(out).(tagged); ok {
			a.ETag = t.ETag()
		}
		return a, nil
	})
}

func registerNothing[I any](s *server, op Operation, f func(context.Context, call, *I) error) {
	huma.Register(s.huma, s.describe(op), func(ctx context.Context, in *I) (*struct{}, error) {
		if err := f(ctx, callOf(ctx), in); err != nil {
			return nil, s.refuse(ctx, err)
		}
		return nil, nil //nolint:nilnil // huma's word for an answer without a body
	})
}

// optionalAnswer is a success with or without a body.
type optionalAnswer[O any] struct {
	Status int
	Body   *O
}

func registerOptional[I, O any](s *server, op Operation, f func(context.Context, call, *I) (*O, error)) {
	d := s.describe(op)
	huma.Register(s.huma, d, func(ctx context.Context, in *I) (*optionalAnswer[O], error) {
		out, err := f(ctx, callOf(ctx), in)
		if err != nil {
			return nil, s.refuse(ctx, err)
		}
		if out == nil {
			return &optionalAnswer[O]{Status: op.Status}, nil
		}
		return &optionalAnswer[O]{Status: http.StatusOK, Body: out}, nil
	})
	// huma knows one success only, and notes the body there.
	none, body := d.Responses[strconv.Itoa(op.Status)], strconv.Itoa(http.StatusOK)
	d.Responses[body] = &huma.Response{Description: http.StatusText(http.StatusOK) + ", when the request waited", Content: none.Content}
	none.Content = nil
}

// describe is the row as huma wants it.
func (s *server) describe(op Operation) huma.Operation {
	d := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, DefaultStatus: op.Status,
		Tags: []string{tag(op.Path)}, Responses: s.problems(op),
		// The body is read, bounded and checked by guard before huma sees it;
		// a deadline set now would only cut the answer.
		MaxBodyBytes: -1, BodyReadTimeout: -1,
		Middlewares: huma.Middlewares{s.guard(op)},
	}
	if op.Role != "" {
		d.Security = []map[string][]string{{"adminToken": {}}}
		d.Description = "Role needed: " + string(op.Role) + "."
	}
	return d
}

func tag(path string) string {
	path = strings.TrimPrefix(path, "/v1/")
	name, _, _ := strings.Cut(path, "/")
	if name == "" || name == "me" {
		return "process"
	}
	return name
}

// problems are the answers that are not a success, by status.
func (s *server) problems(op Operation) map[string]*huma.Response {
	codes := map[int][]string{
		http.StatusInternalServerError: {string(management.CodeInternal)},
		http.StatusServiceUnavailable:  {string(management.CodeUnavailable)},
		http.StatusMisdirectedRequest:  {codeMisdirected},
		http.StatusBadRequest:          {codeMalformedRequest},
	}
	add := func(code management.Code) {
		status := statusOf(code)
		codes[status] = append(codes[status], string(code))
	}
	if strings.Contains(op.Path, "{") {
		codes[http.StatusNotFound] = append(codes[http.StatusNotFound], codeNoSuchPath) // a name that makes it another path
	}
	for _, code := range op.Codes {
		if code != management.CodeUnavailable {
			add(code)
		}
	}
	if op.Role != "" {
		add(management.CodeUnauthorized)
		add(management.CodeForbidden)
		add(management.CodeIdentityProvider)
		codes[http.StatusTooManyRequests] = append(codes[http.StatusTooManyRequests], codeTooManyFailures)
	}
	if op.NeedsIfMatch {
		add(management.CodePreconditionRequired)
	}
	if takesBody(op) || narrows(op.Input) {
		add(management.CodeInvalidInput)
	}
	if takesBody(op) {
		codes[http.StatusUnsupportedMediaType] = []string{codeUnsupportedMediaType}
		codes[http.StatusRequestEntityTooLarge] = []string{codePayloadTooLarge}
	}
	out := map[string]*huma.Response{}
	for status, words := range codes {
		slices.Sort(words)
		out[strconv.Itoa(status)] = &huma.Response{Ref: s.problemResponse(status, slices.Compact(words))}
	}
	return out
}

// problemResponse names the answer with that status and one of these codes,
// which many operations share.
func (s *server) problemResponse(status int, codes []string) (ref string) {
	components, name := s.huma.OpenAPI().Components, strings.Join(codes, ".")
	of := make([]any, len(codes))
	for i, code := range codes {
		of[i] = code
	}
	components.Responses[name] = &huma.Response{
		Description: http.StatusText(status) + ": " + strings.Join(codes, ", "),
		Content: map[string]*huma.MediaType{problemType: {Schema: &huma.Schema{AllOf: []*huma.Schema{
			components.Schemas.Schema(reflect.TypeFor[client.Error](), true, "Error"),
			{Properties: map[string]*huma.Schema{"code": {Type: huma.TypeString, Enum: of}}},
		}}}},
	}
	return "#/components/responses/" + name
}

// narrows reports whether not every text is a value of each parameter, so that
// the schema alone can refuse one.
func narrows(input reflect.Type) bool {
	for field := range input.Fields() {
		if field.Anonymous && narrows(field.Type) {
			return true
		}
		_, words := field.Tag.Lookup("enum")
		if _, ok := field.Tag.Lookup("query"); ok && (words || field.Type.Kind() != reflect.String) {
			return true
		}
	}
	return false
}

func takesBody(op Operation) bool {
	_, ok := op.Input.FieldByName("Body")
	return ok
}
