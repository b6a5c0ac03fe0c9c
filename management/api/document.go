package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"credence/management/client"
)

// documentConfig is huma without the parts that would serve pages, schemas
// or a document of their own.
func documentConfig(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	// On the wire a field of a merge patch is its value or null.
	patched[client.KeyText](registry)
	patched[string](registry)
	patched[bool](registry)
	patched[[]string](registry)
	patched[int64](registry)
	patched[time.Time](registry)
	patched[[]client.Limit](registry)
	patched[[]client.Quota](registry)
	patched[map[string]string](registry)
	patched[map[string]*string](registry)
	format := huma.Format{Marshal: encode, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Credence management API", Version: version,
				Description: "Keys, plans, owners, namespaces, the blacklist and route policies. Errors are application/problem+json with a stable code.",
			},
			Components: &huma.Components{
				Schemas: registry, Responses: map[string]*huma.Response{},
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"adminToken": {Type: "http", Scheme: "bearer", Description: "Admin token, crdadm_..., or the token (JWT) of an identity provider that the server trusts"},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{translate},
	}
}

func patched[T any](registry huma.Registry) {
	registry.RegisterTypeAlias(reflect.TypeFor[client.Patch[T]](), reflect.TypeFor[*T]())
}

// Document is the OpenAPI document of the API, indented, as docs/openapi.json
// holds it.
func Document(version string) ([]byte, error) {
	s := &server{}
	if err := s.addOperations(version); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, s.document, "", "  "); err != nil {
		return nil, fmt.Errorf("render OpenAPI document: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// addOperations makes the routes and the document of the table.
func (s *server) addOperations(version string) (err error) {
	s.mux = http.NewServeMux()
	s.bodies, s.routes, s.streams, s.outside = map[string]*huma.RequestBody{}, map[string]string{}, map[string]bool{}, map[string]bool{}
	s.huma = humago.New(s.mux, documentConfig(version))
	for _, op := range Operations() {
		op.register(s, op)
		s.routes[op.Method+" "+op.Path] = op.ID
		s.streams[op.ID], s.outside[op.ID] = op.Output == reflect.TypeFor[client.Stream](), op.CallsOutside
	}
	if s.document, err = s.finishDocument(); err != nil {
		return err
	}
	s.page, err = renderPage(s.huma.OpenAPI())
	leaveToUseCases(s.huma.OpenAPI().Components.Schemas)
	return err
}

// leaveToUseCases takes the bounds out of what huma judges, once they are in
// the document: the use-cases find everything that is wrong with an input at
// once, and say what to do about it.
func leaveToUseCases(registry huma.Registry) {
	for _, schema := range registry.Map() {
		for _, field := range schema.Properties {
			field.MinLength, field.MaxLength, field.MinItems, field.MaxItems, field.MaxProperties = nil, nil, nil, nil, nil
		}
	}
}

// finishDocument notes what huma cannot know of the operations and renders
// the document once: it never changes while serving.
func (s *server) finishDocument() ([]byte, error) {
	doc := s.huma.OpenAPI()
	for _, op := range Operations() {
		described := describedAs(doc.Paths[op.Path], op.Method)
		for _, p := range described.Parameters {
			// Missing, it is answered 428 and not as huma would (guard.go).
			p.Required = p.Required || p.Name == "If-Match" && op.NeedsIfMatch
		}
		if described.RequestBody == nil {
			continue
		}
		s.bodies[op.ID] = described.RequestBody
		if op.Method == http.MethodPatch {
			described.RequestBody.Content["application/merge-patch+json"] = described.RequestBody.Content["application/json"]
		}
	}
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own form of errors, which is never sent
	delete(schemas, "ErrorDetail")
	document, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("render OpenAPI document: %w", err)
	}
	return document, nil
}

// describedAs is the operation of that method.
func describedAs(path *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodGet:
		return path.Get
	case http.MethodPost:
		return path.Post
	case http.MethodPatch:
		return path.Patch
	case http.MethodPut:
		return path.Put
	default:
		return path.Delete
	}
}

// encode writes JSON as people read it: < stays <.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
