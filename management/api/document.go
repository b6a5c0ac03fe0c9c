package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"credence/management/client"
)

// documentConfig is huma without the parts that would serve pages, schemas
// or a document of their own.
func documentConfig(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	// On the wire a field of a merge patch is its value or null.
	patched[string](registry)
	patched[bool](registry)
	patched[[]string](registry)
	patched[int64](registry)
	patched[time.Time](registry)
	patched[[]client.Limit](registry)
	patched[[]client.Quota](registry)
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
				Schemas: registry,
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
